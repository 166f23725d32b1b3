package scripted

import (
	"fmt"
	"slices"
	"strings"
)

// mailArgs returns the parameters of MAIL for the next hop as Postfix writes them.
func mailArgs(args []string, eightBit bool) (out []string) {
	for _, arg := range args {
		keyword, value, _ := strings.Cut(arg, "=")
		switch keyword = strings.ToUpper(keyword); {
		case keyword == "SIZE" || keyword == "AUTH", keyword == "BODY" && !eightBit:
			continue
		case keyword == "BODY" || keyword == "RET":
			value = strings.ToUpper(value)
		}
		out = append(out, strings.TrimSuffix(keyword+"="+value, "="))
	}
	return out
}

// notifications are the words of NOTIFY in the order in which Postfix writes them.
var notifications = [...]string{"NEVER", "SUCCESS", "FAILURE", "DELAY"}

// rcptArgs returns the parameters of RCPT for the next hop (RFC 3461, section 4). Like Postfix's, they have an original
// recipient in any case, and that in ASCII.
func rcptArgs(to Recipient) (out []string) {
	original := "rfc822;" + xtext(bare(to.Path))
	for _, arg := range to.Args {
		keyword, value, _ := strings.Cut(arg, "=")
		switch strings.ToUpper(keyword) {
		case "NOTIFY":
			wanted := strings.Split(strings.ToUpper(value), ",")
			words := slices.DeleteFunc(slices.Clone(notifications[:]), func(w string) bool { return !slices.Contains(wanted, w) })
			out = append(out, "NOTIFY="+strings.Join(words, ","))
		case "ORCPT":
			original = value
			if strings.HasPrefix(strings.ToLower(value), "utf-8;") {
				original = embedded(value)
			}
		default:
			out = append(out, arg)
		}
	}
	return append(out, "ORCPT="+original)
}

// addUTF8 adds SMTPUTF8 if addresses or header need it, and original recipients of that kind, as Postfix does for mail from
// local programs, which cannot ask for it. Milters are not told.
func (m *Message) addUTF8() {
	text := m.Sender
	for i, r := range m.Recipients {
		text += r.Path
		if !isASCII(r.Path) {
			m.Recipients[i].Args = []string{"ORCPT=utf-8;" + bare(r.Path)}
		}
	}
	for _, f := range m.Header {
		text += f.Value
	}
	if !isASCII(text) {
		m.Args = append(m.Args, "SMTPUTF8")
	}
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) }

// sensible reports whether NOTIFY does not contradict itself.
func sensible(args []string) bool {
	return !slices.ContainsFunc(args, func(arg string) bool {
		value, found := strings.CutPrefix(strings.ToUpper(arg), "NOTIFY=")
		return found && strings.Contains(value, "NEVER") && value != "NEVER"
	})
}

// xtext is the encoding of RFC 3461, section 4.
func xtext(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// embedded is the encoding of RFC 6533, section 3, for channels that carry ASCII only.
func embedded(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > '~' {
			fmt.Fprintf(&b, "\\x{%X}", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
