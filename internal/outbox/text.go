package outbox

import (
	"bufio"
	"bytes"
)

// text writes a message behind DATA: it adds the dots of transparency and, with end, the final one (RFC 5321, section
// 4.5.2). A bare LF becomes CRLF. What lies between is passed on as it comes, be it large.
type text struct {
	out  *bufio.Writer
	last byte // what was written last; LF at the beginning, too
	// verbatim says that all that comes has lines that end in CRLF and begin with no dot. Where it has a dot, that is
	// not relied on.
	verbatim bool
}

func newText(out *bufio.Writer) *text { return &text{out: out, last: '\n'} }

// Write implements [io.Writer].
func (t *text) Write(p []byte) (int, error) {
	if t.verbatim && len(p) > 0 && bytes.IndexByte(p, '.') < 0 {
		t.last = p[len(p)-1]
		return t.out.Write(p)
	}
	passed := 0 // up to where p is written
	insert := func(at int, c byte) error {
		if _, err := t.out.Write(p[passed:at]); err != nil {
			return err
		}
		passed = at
		return t.out.WriteByte(c)
	}
	for line := 0; line < len(p); {
		if t.last == '\n' && p[line] == '.' {
			if err := insert(line, '.'); err != nil {
				return passed, err
			}
		}
		length := bytes.IndexByte(p[line:], '\n')
		if length < 0 {
			break
		}
		end := line + length
		if end > 0 {
			t.last = p[end-1]
		}
		if t.last != '\r' {
			if err := insert(end, '\r'); err != nil {
				return passed, err
			}
		}
		line, t.last = end+1, '\n'
	}
	if len(p) > 0 {
		t.last = p[len(p)-1]
	}
	n, err := t.out.Write(p[passed:])
	return passed + n, err
}

// write writes a copy but for its final dot.
func (t *text) write(c Copy) error {
	if _, err := t.Write(append(c.Header.AppendTo(nil), '\r', '\n')); err != nil {
		return err
	}
	as, ok := c.Body.(interface{ Verbatim() bool })
	t.verbatim = ok && as.Verbatim()
	if _, err := c.Body.WriteTo(t); err != nil {
		return err
	}
	return t.endLine()
}

// endLine ends the last line, so that the final dot is all that is left to write.
func (t *text) endLine() error {
	end := "\r\n"
	switch t.last {
	case '\n':
		return nil
	case '\r':
		end = "\n"
	}
	t.last = '\n'
	_, err := t.out.WriteString(end)
	return err
}

// finalDot ends a message behind endLine. That is the last of as many octets as pending says.
const finalDot = ".\r\n"

func (t *text) pending() int { return t.out.Buffered() + len(finalDot) }

// end writes the final dot, and with it what is still to be written.
func (t *text) end() error {
	if _, err := t.out.WriteString(finalDot); err != nil {
		return err
	}
	return t.out.Flush()
}
