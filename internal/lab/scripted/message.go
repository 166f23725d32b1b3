package scripted

import (
	"bytes"
	"slices"
	"strings"
)

// Message is a message in the MTA's hands.
type Message struct {
	// Sender and Args are the argument and the parameters of MAIL FROM as they came.
	Sender string
	Args   []string
	// Recipients are the accepted ones.
	Recipients []Recipient
	Header     []Field
	// Body has CRLF at the end of lines.
	Body []byte
}

// Recipient is the argument of RCPT TO with its parameters, as they came.
type Recipient struct {
	Path string
	Args []string
}

// Field is one field. Its value is all that follows the colon, with LF between its lines.
type Field struct {
	Name, Value string

	deleted bool
}

// split takes header and body of a message apart. A line that cannot belong to a header begins the body.
func split(data []byte) (header []Field, body []byte) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\r\n"))
		if len(line) == 0 {
			return header, rest
		}
		name, value, found := strings.Cut(string(line), ":")
		switch {
		case len(header) > 0 && (line[0] == ' ' || line[0] == '\t'):
			header[len(header)-1].Value += "\n" + string(line)
		case found && isName(name):
			header = append(header, Field{Name: name, Value: value})
		default:
			return header, data
		}
		data = rest
	}
	return header, nil
}

// has reports whether a field of that name is there.
func (m *Message) has(name string) bool {
	return slices.ContainsFunc(m.Header, func(f Field) bool { return !f.deleted && strings.EqualFold(f.Name, name) })
}

// Bytes returns header and body as they are sent.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	for _, f := range m.Header {
		if !f.deleted {
			b.WriteString(f.Name + ":" + strings.ReplaceAll(f.Value, "\n", "\r\n") + "\r\n")
		}
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// Apply makes the changes of a milter as an MTA does. Postfix counts anew after a deletion: the second field of a name
// becomes the first one when that is deleted; on sendmail it stays the second. To Postfix a recipient that is quoted without
// need is the one without quotation marks, and whoever deletes one deletes both.
func (m *Message) Apply(edits []Edit, style Style) error {
	manners, err := style.manners()
	if err != nil {
		return err
	}
	var pieces []Edit
	for _, e := range edits {
		var err error
		switch e.Code {
		case DeleteRecipient:
			err = m.deleteRecipient(e.Text, manners.unquotes)
		case AddField:
			m.Header = append(m.Header, Field{Name: e.Name, Value: e.Value})
		case InsertField:
			at := min(e.Index, len(m.Header))
			m.Header = slices.Insert(m.Header, at, Field{Name: e.Name, Value: e.Value})
		case ChangeField:
			err = m.changeField(e, manners.countsAnew)
		case ReplaceBody:
			pieces = append(pieces, e)
		default:
			err = violation("the change %c", e.Code)
		}
		if err != nil {
			return err
		}
	}
	if len(pieces) == 0 {
		return nil
	}
	body, err := newBody(pieces)
	m.Body = body
	return err
}

// deleteRecipient compares octet for octet. Both MTAs say nothing when there is no such recipient, who then keeps a
// message that is not theirs.
func (m *Message) deleteRecipient(path string, unquotes bool) error {
	same := func(other string) bool { return other == path }
	if unquotes && slices.ContainsFunc(m.Recipients, func(r Recipient) bool { return r.Path == path }) {
		same = func(other string) bool { return unquoted(other) == unquoted(path) }
	}
	left := slices.DeleteFunc(slices.Clone(m.Recipients), func(r Recipient) bool { return same(r.Path) })
	if len(left) == len(m.Recipients) {
		return violation("there is no recipient %q to delete", path)
	}
	m.Recipients = left
	return nil
}

// unquoted returns a path whose local part has no quotation marks and no backslashes.
func unquoted(path string) string {
	at := strings.LastIndexByte(path, '@')
	if at < 0 {
		return path
	}
	return strings.NewReplacer(`"`, "", `\`, "").Replace(path[:at]) + path[at:]
}

// changeField objects where the MTAs would append a field that they do not find.
func (m *Message) changeField(e Edit, countsAnew bool) error {
	n := 0
	for i := range m.Header {
		f := &m.Header[i]
		if !strings.EqualFold(f.Name, e.Name) || f.deleted && countsAnew {
			continue
		}
		if n++; n != e.Index {
			continue
		}
		if f.deleted {
			return violation("the field %s number %d was deleted before", e.Name, e.Index)
		}
		f.Name, f.Value, f.deleted = e.Name, e.Value, e.Value == ""
		return nil
	}
	return violation("there is no field %s number %d to change", e.Name, e.Index)
}

// Pieces cuts a body at the given places, and wherever a piece would be too long for one packet.
func Pieces(body []byte, places ...int) [][]byte {
	var pieces [][]byte
	start := 0
	for _, end := range append(slices.Clone(places), len(body)) {
		for ; end-start > maxPiece; start += maxPiece {
			pieces = append(pieces, body[start:start+maxPiece])
		}
		if end > start {
			pieces = append(pieces, body[start:end])
			start = end
		}
	}
	return pieces
}
