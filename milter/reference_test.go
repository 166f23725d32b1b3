package milter_test

import (
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// reference follows a conversation by the answers of the server, and knows of each message what its handler must be
// given. It takes the protocol as it is in the MTAs' sources, not as the server reads it.
type reference struct {
	phase byte // 'M' for the envelope, 'L' for the header, 'N' for the body, 0 outside of a message
	// broken says that the parts of the message came out of order, or one of them could not be taken.
	broken bool

	login      string // of the next message
	env        mail.Envelope
	recipients []mail.Recipient
	header     mail.Header
	body       string
}

// follow notes an event and the code of its answer, 0 for none.
func (r *reference) follow(code byte, data string, answer byte) {
	taken := answer == 'c'
	inOrder := true
	switch code {
	case 'D':
		r.macro(data)
	case 'M':
		words := strings.Split(strings.TrimSuffix(data, "\x00"), "\x00")
		*r = reference{env: mail.Envelope{RawSender: words[0], Args: words[1:], Login: r.login}}
		if taken {
			r.phase = 'M'
		}
	case 'R':
		inOrder = r.phase == 'M'
		if words := strings.Split(strings.TrimSuffix(data, "\x00"), "\x00"); taken {
			r.recipients = append(r.recipients, mail.Recipient{Raw: words[0], Args: words[1:]})
		}
	case 'L':
		inOrder = r.phase == 'M' || r.phase == 'L'
		r.phase = 'L'
		r.field(data)
	case 'N':
		inOrder = r.phase == 'M' || r.phase == 'L'
		r.phase = 'N'
	case 'B':
		inOrder = r.phase == 'N'
		r.body += data
	case 'E':
		*r = reference{login: r.login}
	case 'A', 'K':
		*r = reference{}
	}
	r.broken = r.broken || !inOrder
}

func (r *reference) macro(data string) {
	if !strings.HasPrefix(data, "M") {
		return
	}
	r.login = ""
	words := strings.Split(data[1:], "\x00")
	for ; len(words) >= 2; words = words[2:] {
		if words[0] == "{auth_authen}" || words[0] == "auth_authen" {
			r.login = words[1]
		}
	}
}

// field adds a field, or breaks the message if what came is none.
func (r *reference) field(data string) {
	words := strings.Split(data, "\x00")
	if len(words) != 3 || words[2] != "" || words[0] == "" {
		r.broken = true
		return
	}
	r.header = append(r.header, mail.Field{Name: words[0], Value: strings.ReplaceAll(strings.ReplaceAll(words[1], "\r\n", "\n"), "\n", "\r\n")})
}

// whole reports whether a message that ends now is one, and may pass.
func (r *reference) whole() bool { return !r.broken && r.phase == 'N' && len(r.recipients) > 0 }

// differs says where a message is not what was sent, "" for nowhere. last came with the end of the message.
func (r *reference) differs(m *mail.Message, last string) string {
	text := func(to []mail.Recipient) string {
		var b strings.Builder
		for _, t := range to {
			fmt.Fprintf(&b, "%q %q;", t.Raw, t.Args)
		}
		return b.String()
	}
	switch env := m.Envelope; {
	case env.RawSender != r.env.RawSender || !slices.Equal(env.Args, r.env.Args):
		return fmt.Sprintf("the sender is %q %q, not %q %q", env.RawSender, env.Args, r.env.RawSender, r.env.Args)
	case env.Login != r.env.Login:
		return fmt.Sprintf("the login is %q, not %q", env.Login, r.env.Login)
	case text(env.Recipients) != text(r.recipients):
		return fmt.Sprintf("the recipients are %s, not %s", text(env.Recipients), text(r.recipients))
	case !slices.Equal(m.Header, r.header):
		return fmt.Sprintf("the header is %q, not %q", m.Header, r.header)
	case string(m.Body) != r.body+last:
		return fmt.Sprintf("the body is %q, not %q", m.Body, r.body+last)
	}
	return ""
}
