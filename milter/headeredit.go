package milter

import (
	"encoding/binary"
	"fmt"
	"strings"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

// fieldEdit is one modification of the header: ActChangeHeader changes the index-th field of that name, counted from 1,
// or deletes it if the value is empty; ActAddHeader adds one behind all others.
type fieldEdit struct {
	code  lib.ModifyActCode
	index int
	name  string
	value string // as on the wire
}

func (e fieldEdit) appendTo(b []byte) []byte {
	data := e.name + "\x00" + e.value + "\x00"
	if e.code == lib.ActChangeHeader {
		data = string(binary.BigEndian.AppendUint32(nil, uint32(e.index))) + data
	}
	return appendFrame(b, e.code, data)
}

// headerEdits returns what makes the MTA's header from old to new, but for the order of fields with different names,
// which it has no sure way to change. What is the same in both is not touched.
//
// Only change, delete and add are used, and of fields with one name the later are deleted first, since after a deletion
// Postfix counts anew and sendmail does not. Nothing is inserted: on Postfix an insertion above its own Received field
// shifts what a later index means.
func headerEdits(old, new mail.Header) ([]fieldEdit, error) {
	for _, f := range new {
		if !isFieldName(f.Name) || !isFolded(f.Value) || strings.ContainsAny(withLF(f.Value), "\r\x00") {
			return nil, fmt.Errorf("milter: the new header has a malformed field %.40q", f.Name)
		}
	}
	var edits []fieldEdit
	seen := make(map[string]bool)
	for _, h := range [...]mail.Header{old, new} {
		for _, f := range h {
			if key := strings.ToLower(f.Name); !seen[key] {
				seen[key] = true
				edits = appendEdits(edits, old.All(f.Name), new.All(f.Name))
			}
		}
	}
	return edits, nil
}

// appendEdits compares the fields of one name. Between those that are alike at both ends, fields are changed in place
// as far as both sides have some; the surplus is deleted, or added at the end.
func appendEdits(edits []fieldEdit, old, new []mail.Field) []fieldEdit {
	first := 0
	for first < min(len(old), len(new)) && old[first].Value == new[first].Value {
		first++
	}
	last := len(old) // behind the last old field that is not alike
	if len(old) > len(new) {
		shift := len(old) - len(new)
		for last-shift > first && old[last-1].Value == new[last-1-shift].Value {
			last--
		}
		for i := range last - shift - first {
			edits = appendChange(edits, first+i, old, new)
		}
		for i := last; i > last-shift; i-- {
			edits = append(edits, fieldEdit{code: lib.ActChangeHeader, index: i, name: old[i-1].Name})
		}
		return edits
	}
	for i := first; i < len(old); i++ {
		edits = appendChange(edits, i, old, new)
	}
	for _, f := range new[len(old):] {
		edits = append(edits, fieldEdit{code: lib.ActAddHeader, name: f.Name, value: wireValue(f.Value)})
	}
	return edits
}

func appendChange(edits []fieldEdit, i int, old, new []mail.Field) []fieldEdit {
	if old[i].Value == new[i].Value {
		return edits
	}
	return append(edits, fieldEdit{code: lib.ActChangeHeader, index: i + 1, name: new[i].Name, value: wireValue(new[i].Value)})
}

// wireValue never returns "", which would delete the field.
func wireValue(value string) string {
	if value == "" {
		return " "
	}
	return withLF(value)
}
