package scripted

import "fmt"

// Style says which MTA's manners the double has.
type Style uint8

// The manners of Postfix 3.7 and of sendmail 8.17.
const (
	LikePostfix Style = iota + 1
	LikeSendmail
)

// String returns the MTA's name as the cases have it.
func (s Style) String() string {
	switch s {
	case LikePostfix:
		return "postfix"
	case LikeSendmail:
		return "sendmail"
	default:
		return fmt.Sprintf("style %d", uint8(s))
	}
}

// manners are the differences between the MTAs that a milter can see.
type manners struct {
	// version is the macro {v}.
	version string
	// macros are those that are sent unless the milter has chosen others, by event.
	macros map[byte][]string
	// noMacros sends a packet without macros where none has a value.
	noMacros bool
	// early gives a message its queue id before MAIL; otherwise it gets one with the first accepted recipient.
	early bool
	// showsOwn shows the Date and the Message-ID that the MTA adds, behind all others.
	showsOwn bool
	// countsAnew and unquotes are for [Message.Apply].
	countsAnew, unquotes bool
	// aborts after every message, and once more before the end.
	aborts bool
	// progressAnytime is for [Conn].
	progressAnytime bool
	// pickup takes mail from local programs without SMTP: paths have no angle brackets, the client has no port, and who has
	// called sendmail(1) stands in a Received field. Otherwise sendmail(1) is an SMTP client.
	pickup bool
	// asksByPolicy guards the listener for copies by Postfix's policy protocol, and shows no mail there to the milter.
	// Otherwise the milter sees what comes there, on a listener of a name of its own.
	asksByPolicy bool
}

func (s Style) manners() (manners, error) {
	switch s {
	case LikePostfix:
		return manners{
			version: "Postfix 3.7.11",
			macros: map[byte][]string{
				'C': {"j", "{daemon_name}", "{daemon_addr}", "v", "_"},
				'M': {"i", "{auth_type}", "{auth_authen}", "{mail_addr}"},
				'R': {"i", "{rcpt_addr}"},
				'T': {"i"},
				'N': {"i"},
				'E': {"i"},
			},
			showsOwn: true, countsAnew: true, unquotes: true, aborts: true, progressAnytime: true, pickup: true, asksByPolicy: true,
		}, nil
	case LikeSendmail:
		return manners{
			version: "8.17.1.9/8.17.1.9",
			macros: map[byte][]string{
				'C': {"_", "j", "{daemon_name}", "{if_name}"},
				'H': {"{tls_version}"},
				'M': {"i", "{auth_type}", "{auth_authen}", "{mail_addr}"},
				'R': {"{rcpt_addr}"},
				'E': {"{msg_id}"},
			},
			early: true, noMacros: true,
		}, nil
	default:
		return manners{}, fmt.Errorf("%v is not known", s)
	}
}
