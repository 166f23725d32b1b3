package gate

import (
	"encoding/hex"
	"io"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// complete adds a Message-ID and a Date to a message that lacks one, so that all its copies have the same. Postfix has
// added its own before the milter sees the message; sendmail would add another one to each copy.
func (g *Gate) complete(m *mail.Message) {
	if !m.Header.Has("Date") {
		m.Header = append(m.Header, mail.Field{Name: "Date", Value: " " + g.Now().Format(time.RFC1123Z)})
	}
	if !m.Header.Has("Message-ID") {
		m.Header = append(m.Header, mail.Field{Name: "Message-ID", Value: " " + g.messageID(m.Envelope.Sender)})
	}
}

// messageID makes a unique Message-ID under the domain of an address (RFC 5322, section 3.6.4).
func (g *Gate) messageID(of mail.Addr) string {
	domain := of.Domain()
	if domain == "" || strings.ContainsAny(domain, "[]:") {
		domain = "localhost.localdomain"
	}
	return "<" + g.random() + "@" + domain + ">"
}

// random returns 128 bits in hexadecimal. A source of randomness that fails ends the program in Go's own crypto/rand; a
// reader of another kind gives fewer bits then.
func (g *Gate) random() string {
	var b [16]byte
	_, _ = io.ReadFull(g.Rand, b[:])
	return hex.EncodeToString(b[:])
}
