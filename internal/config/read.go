package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reader reads the value of a key; path names the key in errors.
type reader func(errs *errorList, n *node, path string)

// field is a key that a table may have.
type field struct {
	key  string
	read reader
}

// wrongKind reports a value of another kind than the key wants.
func wrongKind(errs *errorList, n *node, path, want string) {
	errs.add(n.at, "%s wants %s, not %s", path, want, called(n.kind))
}

// text reads a string; want says what parse takes, with an example.
func text[T any](into *T, want string, parse func(string) (T, error)) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.String {
			wrongKind(errs, n, path, want)
			return
		}
		v, err := parse(n.text)
		if err != nil {
			errs.add(n.at, "%s: %v", path, err)
			return
		}
		*into = v
	}
}

// list reads a list of strings, each as text does.
func list[T any](into *[]T, want string, parse func(string) (T, error)) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Array {
			wrongKind(errs, n, path, "a list of strings, each "+want)
			return
		}
		all := make([]T, len(n.items))
		for i, item := range n.items {
			text(&all[i], want, parse)(errs, item, path)
		}
		*into = all
	}
}

// mapping reads a table of lists whose keys are the user's own.
func mapping[T any](into *map[string][]T, want string, parse func(string) (T, error)) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Table {
			wrongKind(errs, n, path, "a table")
			return
		}
		all := make(map[string][]T, len(n.keys))
		for _, key := range n.keys {
			var values []T
			list(&values, want, parse)(errs, n.values[key], fmt.Sprintf("%s.%q", path, key))
			all[key] = values
		}
		*into = all
	}
}

func flag(into *bool) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Bool {
			wrongKind(errs, n, path, "true or false")
			return
		}
		*into = n.text == "true"
	}
}

// count reads a whole number between least and most.
func count(into *int, least, most int) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Integer {
			wrongKind(errs, n, path, "a whole number")
			return
		}
		v, err := strconv.ParseInt(n.text, 0, 64) // TOML has Go's prefixes and underscores
		if err != nil || v < int64(least) || v > int64(most) {
			errs.add(n.at, "%s: %s is not between %d and %d", path, n.text, least, most)
			return
		}
		*into = int(v)
	}
}

// octets reads a size: a number of octets, or a string with a unit.
func octets(into *int64) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Integer {
			text(into, wantSize, parseSize)(errs, n, path)
			return
		}
		v, err := strconv.ParseInt(n.text, 0, 64)
		if err != nil || v <= 0 {
			errs.add(n.at, "%s: %s is not %s", path, n.text, wantSize)
			return
		}
		*into = v
	}
}

// table reads a table with these keys and no other.
func table(fields ...field) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Table {
			wrongKind(errs, n, path, "a table")
			return
		}
		for _, key := range n.keys {
			i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
			if i < 0 {
				errs.add(n.values[key].key, "%s", unknownKey(key, path, fields))
				continue
			}
			inner := key
			if path != "" {
				inner = path + "." + key
			}
			fields[i].read(errs, n.values[key], inner)
		}
	}
}

// tables reads a list of tables, each as one reads it.
func tables(header string, one func(errs *errorList, n *node, path string)) reader {
	return func(errs *errorList, n *node, path string) {
		if n.kind != unstable.Array {
			errs.add(n.at, "%s is a list of tables: write %s", path, header)
			return
		}
		for _, item := range n.items {
			one(errs, item, path)
		}
	}
}

// unknownKey says what the key may have been meant to be, and which keys there are.
func unknownKey(key, path string, fields []field) string {
	where := "outside of a table"
	if path != "" {
		where = "in [" + path + "]"
	}
	var all []string
	closest, distance := "", 3 // further away is another word
	for _, f := range fields {
		all = append(all, f.key)
		if d := editDistance(strings.ToLower(key), f.key); d < distance {
			closest, distance = f.key, d
		}
	}
	hint := ""
	if closest != "" {
		hint = fmt.Sprintf("; did you mean %q?", closest)
	}
	return fmt.Sprintf("unknown key %q %s%s (keys: %s)", clip(key), where, hint, strings.Join(all, ", "))
}

// editDistance counts the letters to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// clip keeps an error readable.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
