package config

import (
	"bytes"
	"errors"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value of a TOML document.
type node struct {
	key  position // where its key stands, or that of the list it is in
	at   position // where it stands itself, or its key if the parser does not tell
	kind unstable.Kind
	text string // of a scalar; a string's without its quotes

	items []*node // of a list

	keys   []string // of a table, in the order of the file
	values map[string]*node
}

func newTable(at position) *node {
	return &node{key: at, at: at, kind: unstable.Table, values: make(map[string]*node)}
}

// errTwice is for what toml.Unmarshal should have found already.
var errTwice = errors.New("a key is defined in two ways")

// put adds a value to a table.
func (n *node) put(name string, value *node) error {
	if n.kind != unstable.Table || n.values[name] != nil {
		return errTwice
	}
	n.keys = append(n.keys, name)
	n.values[name] = value
	return nil
}

// table returns the table of that name, a new one if there is none. A list of tables stands for its last element.
func (n *node) table(name string, at position) (*node, error) {
	next := n.values[name]
	if next == nil {
		next = newTable(at)
		return next, n.put(name, next)
	}
	if next.kind == unstable.Array && len(next.items) > 0 {
		next = next.items[len(next.items)-1]
	}
	return next, nil
}

// parser makes nodes of a document. The library's decoder would fill a struct directly, but it takes numbers for
// enumerations, keys in any case and a table for a list of tables, and loses the position of some errors.
type parser struct {
	unstable.Parser
	lines []int // offsets of their ends
}

// parse reads a document. An error is a [*toml.DecodeError] or has no position.
func parse(b []byte) (*node, error) {
	// This checks what the parser alone does not: that nothing is defined twice, and that values are in range.
	if err := toml.Unmarshal(b, new(map[string]any)); err != nil {
		return nil, err
	}
	var p parser
	for i, c := range b {
		if c == '\n' {
			p.lines = append(p.lines, i)
		}
	}
	p.Reset(b)
	root := newTable(position{1, 1})
	current := root
	for p.NextExpression() {
		if err := p.expression(root, &current); err != nil {
			return nil, err
		}
	}
	return root, p.Error()
}

// expression adds a pair to the current table, or makes a table header's table the current one.
func (p *parser) expression(root *node, current **node) (err error) {
	e := p.Expression()
	switch e.Kind {
	case unstable.KeyValue:
		return p.pair(*current, e)
	case unstable.Table:
		table, name, at, err := p.descend(root, e.Key())
		if err == nil {
			*current, err = table.table(name, at)
		}
		return err
	case unstable.ArrayTable:
		table, name, at, err := p.descend(root, e.Key())
		if err != nil {
			return err
		}
		if table.values[name] == nil {
			if err := table.put(name, &node{key: at, at: at, kind: unstable.Array}); err != nil {
				return err
			}
		}
		*current = newTable(at)
		table.values[name].items = append(table.values[name].items, *current)
		return nil
	default:
		return errors.New("an expression is of an unknown kind")
	}
}

// descend goes to the table that a dotted key is in, and returns it with the key's last part.
func (p *parser) descend(table *node, key unstable.Iterator) (in *node, name string, at position, err error) {
	for key.Next() {
		name, at = string(key.Node().Data), p.start(key.Node())
		if key.IsLast() {
			break
		}
		if table, err = table.table(name, at); err != nil {
			break
		}
	}
	return table, name, at, err
}

// pair adds a key with its value to a table.
func (p *parser) pair(table *node, pair *unstable.Node) error {
	table, name, at, err := p.descend(table, pair.Key())
	if err != nil {
		return err
	}
	value, err := p.value(pair.Value(), at)
	if err != nil {
		return err
	}
	return table.put(name, value)
}

func (p *parser) value(v *unstable.Node, key position) (*node, error) {
	n := &node{key: key, at: key, kind: v.Kind, text: string(v.Data)}
	if v.Raw.Length > 0 {
		n.at = p.start(v)
	}
	switch v.Kind {
	case unstable.Array:
		for all := v.Children(); all.Next(); {
			item, err := p.value(all.Node(), key)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
	case unstable.InlineTable:
		n.kind, n.values = unstable.Table, make(map[string]*node)
		for all := v.Children(); all.Next(); {
			if err := p.pair(n, all.Node()); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

func (p *parser) start(n *unstable.Node) position {
	offset := int(n.Raw.Offset)
	line := sort.SearchInts(p.lines, offset)
	return position{line + 1, offset - bytes.LastIndexByte(p.Data()[:offset], '\n')}
}

// grammarError turns an error of parse into one of the file.
func grammarError(file string, err error) error {
	errs := errorList{file: file}
	at := position{1, 1}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		at.line, at.column = decode.Position()
	}
	errs.add(at, "this is not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
	return errs.err()
}

// called names a kind in a sentence.
func called(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Integer:
		return "a whole number"
	case unstable.Float:
		return "a decimal number"
	case unstable.Bool:
		return "true or false"
	case unstable.Array:
		return "a list"
	case unstable.Table:
		return "a table"
	default:
		return "a date or time"
	}
}
