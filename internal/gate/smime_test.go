package gate_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// TestSMIMEDecisions submits messages that came encrypted by S/MIME, and clear text, to frank, who has a certificate for
// S/MIME and no key, beside others.
func TestSMIMEDecisions(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	var certs []*x509.Certificate
	for _, name := range []string{"frank@example.net", "gina@example.net"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		c := labtest.NewX509(t, time.Now(), x509.Certificate{Subject: pkix.Name{CommonName: name}, EmailAddresses: []string{name}}, key)
		certs = append(certs, c)
	}
	if err := os.WriteFile(filepath.Join(folder, "frank"), certs[0].Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	smime, err := keys.ReadSMIME(folder, func(file string, problem error) { t.Errorf("%s: %v", file, problem) })
	if err != nil {
		t.Fatal(err)
	}
	w.SMIME = smime
	encipher := func(to ...*x509.Certificate) []byte {
		return labtest.Encipher(t, []byte("Content-Type: text/plain\r\n\r\n"+secretText+"\r\n"), to, "-aes256", "-outform", "SMIME")
	}
	toFrank, toGina := encipher(certs[0]), encipher(certs[1])
	clearText := []byte("\n" + secretText + "\n")
	unknown := keys.Answer{SeenBefore: true, Why: "the server does not answer"}
	for i, tc := range []struct {
		name    string
		mode    config.Mode
		more    config.AlreadyEncrypted
		level   string
		answer  keys.Answer // for frank
		message []byte
		to      string
		rcpt    int // the first refusal at RCPT TO, if there is one
		want    int
		say     string
		sealed  string // who gets it encrypted by OpenPGP; the others get it as it came
	}{
		{name: "to frank", mode: config.Require, message: toFrank, to: "frank@example.net", want: 250},
		{name: "to frank in prefer", mode: config.Prefer, message: toFrank, to: "frank@example.net", want: 250},
		{name: "to frank, whose key is not known today", mode: config.Require, answer: unknown, message: toFrank, to: "frank@example.net", want: 250},
		{name: "to gina, sent to frank", mode: config.Require, message: toGina, to: "frank@example.net", want: 550,
			say: "not to a key of theirs that is known here. Encrypt it to their S/MIME certificate"},
		{name: "to gina, sent to her", mode: config.Require, message: toGina, to: "gina@example.net", rcpt: 550},
		{name: "to gina in prefer", mode: config.Prefer, message: toGina, to: "gina@example.net", want: 250},
		{name: "clear text to frank", mode: config.Require, message: clearText, to: "frank@example.net", want: 550,
			say: "no source has a key. Encrypt it to their S/MIME certificate"},
		{name: "clear text to frank, whose key is not known today", mode: config.Require, answer: unknown, message: clearText, to: "frank@example.net", want: 451},
		{name: "clear text to frank and bob", mode: config.Require, message: clearText, to: "bob@example.net frank@example.net", want: 550},
		{name: "to frank, sent to bob, too", mode: config.Require, message: toFrank, to: "frank@example.net bob@example.net", want: 550,
			say: "Encrypt it to their key"},
		{name: "to frank, sent to bob, too, in prefer", mode: config.Prefer, message: toFrank, to: "frank@example.net bob@example.net", want: 250},
		{name: "to frank, for bob once more", mode: config.Prefer, more: config.EncryptOnceMore, message: toFrank,
			to: "frank@example.net bob@example.net erin@example.com", want: 250, sealed: "bob@example.net"},
		{name: "to frank, who is not believed enough", mode: config.Require, level: "fingerprint", message: toFrank, to: "frank@example.net", rcpt: 550},
	} {
		w.Config.Policy = config.Policy{Mode: tc.mode, AlreadyEncrypted: tc.more, Rules: []config.Rule{{Mode: tc.mode, MinLevel: tc.level}}}
		delete(w.answers, "frank@example.net")
		if tc.answer.Why != "" {
			w.answers["frank@example.net"] = tc.answer
		}
		m := message(t, "alice@example.org")
		header, body := mail.SplitMessage(tc.message)
		m.Header = append(m.Header.Without("Message-ID"), header...)
		m.Header = append(m.Header, mail.Field{Name: "Message-ID", Value: " <" + string(rune('a'+i)) + "@client.example>"})
		m.Body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		before := len(w.queue)
		ended := false
		edit, err := w.submit(t, m, func() { ended = true }, strings.Fields(tc.to)...)
		if tc.rcpt != 0 {
			if ended || code(err) != tc.rcpt {
				t.Errorf("%s: %v at the end %t, not %d at RCPT TO", tc.name, err, ended, tc.rcpt)
			}
			continue
		}
		if !ended || code(err) != tc.want || err != nil && !strings.Contains(mail.AsFailure(err).Text, tc.say) {
			t.Errorf("%s: %v at the end %t, not %d %s", tc.name, err, ended, tc.want, tc.say)
		}
		if err != nil {
			if len(w.queue) > before {
				t.Errorf("%s: something has left", tc.name)
			}
			continue
		}
		got := w.queue[before:]
		if edit.Body == nil {
			got = append(got, delivery{to: "the message itself", text: string(m.Body)})
		} else {
			got = append(got, delivery{to: "the message itself", text: text(t, edit)})
		}
		sealed := 0
		for _, d := range got {
			switch {
			case strings.Contains(d.text, "application/pgp-encrypted"):
				sealed++
			case !strings.Contains(d.text, strings.TrimSpace(string(m.Body))):
				t.Errorf("%s: what %s gets is neither sealed nor as it came:\n%s", tc.name, d.to, d.text)
			}
		}
		if sealed != len(strings.Fields(tc.sealed)) || len(got) != len(strings.Fields(tc.to)) {
			t.Errorf("%s: %d of %d are sealed", tc.name, sealed, len(got))
		}
	}
}

// TestExplainsEncryption has the decision name the key by which a message can be read already.
func TestExplainsEncryption(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := labtest.NewX509(t, time.Now(), x509.Certificate{Subject: pkix.Name{CommonName: "A CA"}, EmailAddresses: []string{"frank@example.net"}}, key)
	w.SMIME = only{"frank@example.net", c}
	m := message(t, "alice@example.org")
	header, body := mail.SplitMessage(labtest.Encipher(t, []byte("\r\nx\r\n"), []*x509.Certificate{c}, "-aes256", "-outform", "SMIME"))
	m.Header, m.Body = append(m.Header, header...), body
	for _, to := range []string{"frank@example.net", "bob@example.net", "erin@example.com"} {
		m.Envelope.Recipients = append(m.Envelope.Recipients, mail.Recipient{Addr: addr(t, to), Raw: "<" + to + ">"})
	}
	w.Config.Policy.Mode = config.Require
	plan, err := w.Plan(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		do  gate.Action
		why string
	}{
		{gate.Pass, "the message is encrypted to this recipient already: to the S/MIME certificate " + strings.ToUpper(c.SerialNumber.Text(16)) + " of CN=A CA"},
		{gate.Reject, "the message is encrypted already, and not to a key that is known of this recipient"},
		{gate.Reject, "the message is encrypted already, and not to a key that is known of this recipient"},
	} {
		if d := plan.Decisions[i]; d.Do != want.do || d.Why != want.why {
			t.Errorf("%s: %s, %s", d.To.Addr, d.Do, d.Why)
		}
	}
}

// only is the certificate of one address.
type only struct {
	address string
	cert    *x509.Certificate
}

func (o only) Valid(addr mail.Addr, _ time.Time) []*x509.Certificate {
	if addr.Key() == o.address {
		return []*x509.Certificate{o.cert}
	}
	return nil
}
