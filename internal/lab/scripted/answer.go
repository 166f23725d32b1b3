package scripted

import (
	"strings"
)

// Answer is what a milter says to an event.
type Answer struct {
	Code AnswerCode
	// Reply is the SMTP reply of a [ReplyCode], lines joined by CRLF, as the client is to see it.
	Reply string
}

// AnswerCode is the kind of an answer (SMFIR_*).
type AnswerCode byte

// The answers that the double knows.
const (
	Continue  AnswerCode = 'c'
	Accept    AnswerCode = 'a'
	Reject    AnswerCode = 'r'
	TempFail  AnswerCode = 't'
	Discard   AnswerCode = 'd'
	ReplyCode AnswerCode = 'y'
	Skip      AnswerCode = 's'
)

// parseAnswer takes a packet for the answer to an event.
func parseAnswer(p packet, event byte, agreed Terms) (Answer, error) {
	a := Answer{Code: AnswerCode(p.code)}
	switch a.Code {
	case Continue, Accept, Reject, TempFail:
	case Discard:
		if event == 'C' || event == 'H' {
			return Answer{}, violation("%c is answered with discard, but there is no message yet", event)
		}
	case Skip:
		if event != 'B' || agreed.Steps&SkipBody == 0 {
			return Answer{}, violation("%c is answered with skip", event)
		}
	case ReplyCode:
		var err error
		a.Reply, err = parseReply(p)
		return a, err
	default:
		return Answer{}, violation("%c is answered with %c %.60q", event, p.code, p.data)
	}
	if len(p.data) > 0 {
		return Answer{}, violation("the answer %c comes with %.60q", p.code, p.data)
	}
	return a, nil
}

// parseReply reads an SMTP reply (RFC 5321, section 4.2, and RFC 2034): lines between CRLF, all with one code, each with an
// enhanced code of the same class. sendmail takes the text as a format, so that "%" must be doubled.
func parseReply(p packet) (string, error) {
	words, err := p.strings(1)
	if err != nil {
		return "", err
	}
	const longest = 510 // without CRLF
	lines := strings.Split(words[0], "\r\n")
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		switch {
		case len(line) < 5 || len(line) > longest || (line[0] != '4' && line[0] != '5'):
			return "", violation("the reply has the line %q", line)
		case line[:3] != lines[0][:3] || strings.Trim(line[:3], "0123456789") != "" || line[3:4] != separator:
			return "", violation("the reply has the line %q", line)
		case line[4] != line[0] || line[5:6] != ".":
			return "", violation("the reply has no enhanced code of its class: %q", line)
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }):
			return "", violation("the reply has something unprintable: %q", line)
		case strings.Contains(strings.ReplaceAll(line, "%%", ""), "%"):
			return "", violation("the reply has a single %%: %q", line)
		}
	}
	return strings.ReplaceAll(words[0], "%%", "%"), nil
}
