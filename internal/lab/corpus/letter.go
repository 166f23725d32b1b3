package corpus

import (
	"bytes"
	"errors"
	"fmt"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// letter is one form of a message with the copies made of it.
type letter struct {
	name    string // the form, such as "CRLF, default"
	sent    *entity
	leaves  []leaf  // of what was sent
	secrets secrets // likewise
	copies  []madeCopy
	setting Setting
}

// madeCopy is one copy as it travels.
type madeCopy struct {
	kind   string // signed, encrypted or hidden
	text   []byte
	sealed container
	opened opened
}

// lineEnds are the forms in which a message is composed: with each kind of line end, and as it is if it has several.
var lineEnds = []string{"CRLF", "LF", "mixed line ends"}

// inForm returns the message with such line ends, false if it is the same as in another form.
func inForm(text []byte, name string) ([]byte, bool) {
	lf := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	crlf := bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))
	switch name {
	case "LF":
		return lf, true
	case "CRLF":
		return crlf, true
	default:
		return text, !bytes.Equal(text, lf) && !bytes.Equal(text, crlf)
	}
}

// compose makes the copies of one form of a message; nil if there is no such form. A panic becomes an error, so that
// the message can be named.
func (r *run) compose(text []byte, form string, setting Setting) (l *letter, err error) {
	defer func() {
		if p := recover(); p != nil {
			l, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	text, exists := inForm(text, form)
	if !exists {
		return nil, nil
	}
	if l, err = r.composeOne(text, setting); err == nil {
		l.name = form + ", " + setting.Name
	}
	return l, err
}

func (r *run) composeOne(text []byte, setting Setting) (*letter, error) {
	header, body := mail.SplitMessage(text)
	composer := &pgpmime.Composer{
		Sealer:          &crypto.Sealer{Now: r.Now, Rand: r.Rand},
		Rand:            r.Rand,
		Strip:           stripped,
		Confidentiality: setting.Confidentiality,
		LegacyDisplay:   setting.LegacyDisplay,
	}
	draft, err := composer.Prepare(&mail.Message{Header: header, Body: body})
	if err != nil {
		return nil, err
	}
	defer draft.Close()
	draft.Introduce(pgpmime.Introduction{Attached: r.people.author.Cert()})
	signed, err := draft.Sign(r.people.signer, setting.AttachKey)
	if err != nil {
		return nil, err
	}
	encrypted, err := draft.Encrypt(r.people.signer, []pgpmime.Reader{
		{Cert: r.people.visible.Cert(), AttachKey: setting.AttachKey},
		{Cert: r.people.hidden.Cert(), Hidden: true, AttachKey: setting.AttachKey},
	}, crypto.EncryptOptions{Share: true})
	if err != nil {
		return nil, err
	}
	sent := readEntity(text)
	l := &letter{sent: sent, leaves: sent.leaves(), secrets: secretsOf(sent), setting: setting}
	for i, c := range append([]*pgpmime.Copy{signed}, encrypted...) {
		travelling := bytes.NewBuffer(append(c.Header.AppendTo(nil), '\r', '\n'))
		before := travelling.Len()
		n, err := c.Body.WriteTo(travelling)
		if err != nil {
			return nil, err
		}
		if n != c.Body.Size() || n != int64(travelling.Len()-before) {
			return nil, fmt.Errorf("a body of %d octets says that it has %d", n, c.Body.Size())
		}
		l.copies = append(l.copies, madeCopy{kind: []string{"signed", "encrypted", "hidden"}[i], text: travelling.Bytes()})
	}
	return l, nil
}

// isRefusal reports whether a message was turned down with a reason, which it returns.
func isRefusal(err error) (string, bool) {
	var malformed *pgpmime.MalformedError
	if errors.As(err, &malformed) {
		return malformed.Error(), true
	}
	return "", false
}
