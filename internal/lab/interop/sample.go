package interop

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// form is what the composer makes of a letter.
type form uint8

const (
	signed    form = iota + 1 // clear text
	sealed                    // encrypted and signed
	automatic                 // encrypted without a signature, since a program wrote it that has no key
	hidden                    // encrypted and signed, for somebody whom the header does not name
)

func (f form) encrypted() bool { return f != signed }
func (f form) signed() bool    { return f != automatic }

// String says what readers see.
func (f form) String() string {
	switch f {
	case signed:
		return "signed"
	case automatic:
		return "encrypted without a signature"
	case sealed, hidden:
		return "encrypted and signed"
	}
	return "no form"
}

// sample is a message as it arrives, with what is expected of it.
type sample struct {
	letter
	form     form
	original []byte // what the author's client submitted
	id       string // of the message, without angle brackets
	raw      []byte
	// signer is the fingerprint of the author's primary key.
	signer string

	// subjectVisible tells that everybody may see the Subject.
	subjectVisible bool
	// author is the author's name if it is hidden from those on the way, "" if not.
	author string
	// legacy tells that hidden fields are repeated in the text (RFC 9788, section 2.1.2), and attached that the author's
	// certificate is the last part.
	legacy, attached bool
}

// style is how messages are composed.
type style struct {
	by           *pgpmime.Composer
	introduction pgpmime.Introduction
}

// usual is what the program does by itself.
func usual() style { return style{by: composer()} }

// composer is the program's own, with the clock of this machine.
func composer() *pgpmime.Composer {
	return &pgpmime.Composer{Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader}, Rand: rand.Reader}
}

// compose makes one sample of each form of a letter.
func compose(how style, who correspondents, l letter) (map[form]*sample, error) {
	samples := make(map[form]*sample)
	for _, f := range []form{signed, sealed, automatic, hidden} {
		s, err := composeOne(how, who, l, f)
		if err != nil {
			return nil, fmt.Errorf("compose %q: %w", l.name, err)
		}
		samples[f] = s
	}
	return samples, nil
}

func composeOne(how style, who correspondents, l letter, f form) (*sample, error) {
	s := &sample{letter: l, form: f, signer: who.alice.Fingerprint()}
	s.id = fmt.Sprintf("%x.%d@example.org", l.name, f)
	s.original = l.message(s.id)
	m := &mail.Message{}
	m.Header, m.Body = mail.SplitMessage(s.original)
	draft, err := how.by.Prepare(m)
	if err != nil {
		return nil, err
	}
	defer draft.Close()
	draft.Introduce(how.introduction)
	attach := how.introduction.Attached != nil
	author, err := who.alice.Signer(time.Now())
	if err != nil {
		return nil, err
	}
	bobs := pgpmime.Reader{Cert: who.bob.Cert(), AttachKey: attach}
	eves := pgpmime.Reader{Cert: who.eve.Cert(), Hidden: true, AttachKey: attach}
	var copies []*pgpmime.Copy
	var which int
	switch f {
	case signed:
		var c *pgpmime.Copy
		c, err = draft.Sign(author, attach)
		copies = []*pgpmime.Copy{c}
	case sealed:
		copies, err = draft.Encrypt(author, []pgpmime.Reader{bobs, eves}, crypto.EncryptOptions{Share: true})
	case automatic:
		copies, err = draft.Encrypt(nil, []pgpmime.Reader{bobs}, crypto.EncryptOptions{Share: true})
	case hidden:
		copies, err = draft.Encrypt(author, []pgpmime.Reader{bobs, eves}, crypto.EncryptOptions{Share: true})
		which = 1
	default:
		return nil, fmt.Errorf("no form %d", f)
	}
	if err != nil {
		return nil, err
	}
	s.raw, err = render(copies[which])
	return s, err
}

// render writes a copy as it is on the wire.
func render(c *pgpmime.Copy) ([]byte, error) {
	var b bytes.Buffer
	b.Write(c.Header.AppendTo(nil))
	b.WriteString("\r\n")
	if _, err := c.Body.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// inMailbox is a message as a Unix mailbox keeps it.
func inMailbox(raw []byte) []byte { return []byte(strings.ReplaceAll(string(raw), "\r\n", "\n")) }
