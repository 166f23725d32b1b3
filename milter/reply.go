package milter

import (
	"fmt"
	"strings"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

// Limits of a reply. A reply line has at most 512 octets (RFC 5321, section 4.5.3.1.5), of which sendmail spends some
// on the recipient's address in front of the text.
const (
	maxReplyLine  = 200
	maxReplyLines = 20
)

// reply answers one event.
type reply struct {
	code lib.ActionCode
	text string
}

func (r reply) Response() *lib.Message {
	return &lib.Message{Code: byte(r.code), Data: []byte(r.text)}
}

// Continue is true for refusals, too: at false the library would begin with a new backend, although a refused
// recipient ends nothing.
func (r reply) Continue() bool { return true }

// refusal turns a failure into SMFIR_REPLYCODE: "550-5.7.1 first" CRLF "550 5.7.1 last" NUL. Each "%" is doubled,
// because sendmail takes the text as a format.
func refusal(f *mail.Failure) reply {
	var b strings.Builder
	lines := replyLines(f)
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "%d%s%s %s", f.Code, separator, enhancedCode(f), strings.ReplaceAll(line, "%", "%%"))
	}
	b.WriteByte(0)
	return reply{code: lib.ActReplyCode, text: b.String()}
}

// replyLines returns the text in printable US-ASCII, at least one line, folded at spaces.
func replyLines(f *mail.Failure) []string {
	var lines []string
	for text := range strings.SplitSeq(f.Text, "\n") {
		line := strings.TrimSpace(strings.Map(printable, text))
		for len(line) > maxReplyLine {
			cut := strings.LastIndexByte(line[:maxReplyLine+1], ' ')
			if cut <= 0 {
				cut = maxReplyLine
			}
			lines = append(lines, line[:cut])
			line = strings.TrimLeft(line[cut:], " ")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) > 0:
		return lines[:min(len(lines), maxReplyLines)]
	case f.Temporary():
		return []string{"Please try again later."}
	default:
		return []string{"The message was refused."}
	}
}

func printable(r rune) rune {
	switch {
	case r < ' ' || r == 0x7f:
		return ' '
	case r > 0x7f:
		return '?'
	default:
		return r
	}
}

// enhancedCode returns the enhanced status code if it is one of the reply code's class (RFC 2034, section 4), else the
// class's general one: Postfix drops the connection over a reply whose classes differ.
func enhancedCode(f *mail.Failure) string {
	class := string(rune('0' + f.Code/100))
	parts := strings.Split(f.Enhanced, ".")
	if len(parts) == 3 && parts[0] == class && isNumber(parts[1]) && isNumber(parts[2]) {
		return f.Enhanced
	}
	return class + ".0.0"
}

// isNumber reports whether s is a subject or detail of an enhanced status code (RFC 3463, section 2).
func isNumber(s string) bool {
	return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}
