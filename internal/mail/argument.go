package mail

import (
	"strconv"
	"strings"
)

// Arg returns the value of an ESMTP parameter among those of MAIL FROM or RCPT TO (RFC 5321, section 4.1.1.11), and
// whether it is there. A parameter without "=" has the value "".
func Arg(args []string, keyword string) (value string, found bool) {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if strings.EqualFold(name, keyword) {
			return value, true
		}
	}
	return "", false
}

// DecodeXtext decodes xtext, the form in which ENVID and ORCPT carry any printable text (RFC 3461, section 4). It
// reports whether s was xtext and the text is printable US-ASCII.
func DecodeXtext(s string) (text string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && len(s)-i > 2:
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil || n < ' ' || n > '~' {
				return "", false
			}
			c = byte(n)
			i += 2
		case c < '!' || c > '~' || c == '+' || c == '=':
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}
