package outbox

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sealmilter/internal/mail"
)

// parameter says what becomes of an ESMTP parameter that the client gave, on the way to a copy.
type parameter uint8

const (
	// needed parameters change what the client has asked for if they get lost: without their extension, nothing is sent.
	needed parameter = iota
	// wished parameters may be left out where their extension is not announced.
	wished
	// ours are made anew for each copy, or mean nothing beyond the session with the client.
	ours
)

// parameterOf returns how a parameter is treated, and the keyword by which a server announces it. One that nobody here
// has heard of is needed, and announced by its own name.
func parameterOf(keyword string) (parameter, string) {
	switch keyword {
	case "SIZE", "BODY", "SMTPUTF8":
		return ours, ""
	case "AUTH":
		// Who has submitted the message (RFC 4954, section 5). The listener for copies trusts no client so far, and would
		// have to take it for AUTH=<>.
		return ours, ""
	case "RET", "ENVID", "NOTIFY", "ORCPT":
		// A server without DSN gets the message all the same, and reports in its own way (RFC 3461, section 5.2.2).
		return wished, "DSN"
	case "MT-PRIORITY":
		// Where priorities are not known, the message has the usual one (RFC 6710).
		return wished, "MT-PRIORITY"
	case "BY":
		return needed, "DELIVERBY"
	case "HOLDFOR", "HOLDUNTIL":
		return needed, "FUTURERELEASE"
	default:
		return needed, keyword
	}
}

// mailLine is the MAIL command of a copy. Errors are a [*mail.Failure].
func (d *dialogue) mailLine(env *mail.Envelope, c Copy) (string, error) {
	line, err := d.withParameters("MAIL FROM:<"+env.Sender.String()+">", env.Args)
	if err != nil {
		return "", err
	}
	if body := bodyType(env, c); body != "" && d.announces("8BITMIME") {
		line += " BODY=" + body
	}
	if needsUTF8(env, c) {
		line += " SMTPUTF8"
	}
	if c.size > 0 && d.announces("SIZE") {
		line += fmt.Sprintf(" SIZE=%d", c.size)
	}
	return line, nil
}

// rcptLine is the RCPT command of a copy. Errors are a [*mail.Failure].
func (d *dialogue) rcptLine(to mail.Recipient) (string, error) {
	return d.withParameters("RCPT TO:<"+to.Addr.String()+">", to.Args)
}

// withParameters adds the client's parameters to a command, octet for octet: the MTA has found them well-formed once,
// and is the judge of them again.
func (d *dialogue) withParameters(command string, args []string) (string, error) {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		keyword := strings.ToUpper(name)
		treatment, extension := parameterOf(keyword)
		if treatment == ours {
			continue
		}
		if !isParameter(arg) {
			return "", mail.Reject("5.5.4", "A parameter of MAIL FROM or RCPT TO is malformed.", nil)
		}
		switch {
		case d.announces(extension):
			command += " " + arg
		case treatment == wished:
		default:
			return "", &mail.Failure{Code: 555, Enhanced: "5.5.4",
				Text: fmt.Sprintf("The mail server's loopback listener does not support %s, which this message needs.", keyword)}
		}
	}
	return command, nil
}

// isParameter reports whether a text can stand in a command without ending it or becoming two (RFC 5321, section 4.1.2,
// and RFC 6531, section 3.3).
func isParameter(s string) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == utf8.RuneError {
			return false
		}
	}
	return s != ""
}

// bodyType is the value of BODY (RFC 6152): what the client said, and the truth where it said less. Postfix hands the
// same on with the message that stays in its hands. The empty one says nothing.
func bodyType(env *mail.Envelope, c Copy) string {
	if c.EightBit {
		return "8BITMIME"
	}
	switch value, _ := mail.Arg(env.Args, "BODY"); strings.ToUpper(value) {
	case "8BITMIME":
		return "8BITMIME"
	case "7BIT":
		return "7BIT"
	default:
		return ""
	}
}

// needsUTF8 reports whether a copy travels with SMTPUTF8 (RFC 6531, section 3.4): the client asked for it, or an address
// cannot do without. Local programs have no way to ask, so their header tells; Postfix looks there, too.
func needsUTF8(env *mail.Envelope, c Copy) bool {
	if env.HasArg("SMTPUTF8") || !env.Sender.IsASCII() || !c.To.Addr.IsASCII() {
		return true
	}
	if !env.NonSMTP {
		return false
	}
	for _, f := range c.Header {
		if utf8.ValidString(f.Value) && strings.ContainsFunc(f.Value, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return true
		}
	}
	return false
}
