package scripted

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Edit is one change that a milter asks for at the end of message.
type Edit struct {
	Code EditCode
	// Index counts the fields of one name from 1 in a change, and all fields from 0 in an insertion.
	Index int
	// Name and Value are those of a field; the lines of a value are joined by LF.
	Name, Value string
	// Text is a piece of the body, or the recipient to delete as the milter spells it.
	Text string
}

// EditCode is the kind of a change (SMFIR_*).
type EditCode byte

// The changes that the double makes. The others end the message with an error.
const (
	DeleteRecipient EditCode = '-'
	AddField        EditCode = 'h'
	InsertField     EditCode = 'i'
	ChangeField     EditCode = 'm'
	ReplaceBody     EditCode = 'b'
)

// permission says which action allows a change.
func permission(code byte) (action uint32, isEdit bool) {
	switch EditCode(code) {
	case DeleteRecipient:
		return DelRecipients, true
	case AddField, InsertField:
		return AddHeaders, true
	case ChangeField:
		return ChangeHeaders, true
	case ReplaceBody:
		return ChangeBody, true
	}
	switch code {
	case '+':
		return AddRecipients, true
	case '2':
		return AddWithArgs, true
	case 'e':
		return ChangeFrom, true
	case 'q':
		return Quarantine, true
	}
	return 0, false
}

// parseEdit takes a packet for a change.
func parseEdit(p packet, agreed Terms) (Edit, error) {
	e := Edit{Code: EditCode(p.code)}
	if action, _ := permission(p.code); agreed.Actions&action == 0 {
		return Edit{}, violation("the change %c was not agreed on", p.code)
	}
	switch e.Code {
	case ReplaceBody:
		if len(p.data) > maxPiece {
			return Edit{}, violation("a piece of the body has %d octets", len(p.data))
		}
		e.Text = string(p.data)
		return e, nil
	case DeleteRecipient:
		words, err := p.strings(1)
		if err != nil {
			return Edit{}, err
		}
		e.Text = words[0]
		return e, nil
	case InsertField, ChangeField:
		if len(p.data) < 4 {
			return Edit{}, violation("the change %c has no index", p.code)
		}
		e.Index = int(binary.BigEndian.Uint32(p.data))
		p.data = p.data[4:]
	case AddField:
	default:
		return Edit{}, violation("the change %c, which this MTA cannot make", p.code)
	}
	words, err := p.strings(2)
	if err != nil {
		return Edit{}, err
	}
	e.Name, e.Value = words[0], words[1]
	if !isName(e.Name) || !isFolded(e.Value) {
		return Edit{}, violation("the change %c would make the field %q: %q", p.code, e.Name, e.Value)
	}
	if agreed.Steps&LeadingSpace == 0 && e.Value != "" {
		e.Value = " " + e.Value
	}
	return e, nil
}

// isName reports whether a text can stand before the colon of a field (RFC 5322, section 2.2).
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}

// isFolded reports whether a value stays one field: each further line begins with white space and is not blank.
func isFolded(value string) bool {
	for i, line := range strings.Split(value, "\n") {
		if strings.Contains(line, "\r") || i > 0 && (strings.Trim(line, " \t") == "" || line[0] != ' ' && line[0] != '\t') {
			return false
		}
	}
	return true
}

// newBody joins the pieces of a new body and gives its lines the end that they have in SMTP. A line end is LF, or CRLF
// in one piece: where a CR ends a piece the MTAs differ.
func newBody(pieces []Edit) ([]byte, error) {
	var body bytes.Buffer
	for i, p := range pieces {
		if i > 0 && strings.HasSuffix(pieces[i-1].Text, "\r") && strings.HasPrefix(p.Text, "\n") {
			return nil, violation("a CRLF is cut by two pieces of the body")
		}
		body.WriteString(strings.ReplaceAll(strings.ReplaceAll(p.Text, "\r\n", "\n"), "\n", "\r\n"))
	}
	return body.Bytes(), nil
}
