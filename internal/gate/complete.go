package gate

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"sealmilter/internal/mail"
)

// complete adds a Message-ID and a Date to a message that lacks one, so that all its copies have the same. Postfix has
// added its own before the milter sees the message; sendmail would add another one to each copy.
func (g *Gate) complete(m *mail.Message) error {
	if !m.Header.Has("Date") {
		m.Header = append(m.Header, mail.Field{Name: "Date", Value: " " + g.Now().Format(time.RFC1123Z)})
	}
	if m.Header.Has("Message-ID") {
		return nil
	}
	id, err := g.messageID(m.Envelope.Sender)
	m.Header = append(m.Header, mail.Field{Name: "Message-ID", Value: " " + id})
	return err
}

// messageID makes a unique Message-ID under the domain of an address (RFC 5322, section 3.6.4).
func (g *Gate) messageID(of mail.Addr) (string, error) {
	domain := of.Domain()
	if domain == "" || of.IsLiteral() {
		domain = "localhost.localdomain"
	}
	unique, err := g.random()
	return "<" + unique + "@" + domain + ">", err
}

// random returns 128 bits in hexadecimal.
func (g *Gate) random() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(g.Rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
