package gate_test

import (
	"bytes"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestAlreadyEncrypted submits a message that the client has encrypted to bob alone.
func TestAlreadyEncrypted(t *testing.T) {
	w := newWorld(t)
	bob := w.answers["bob@example.net"].Cert
	draft, err := w.Composer.Prepare(message(t, "alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	copies, err := draft.Encrypt(w.signers["alice@example.org"], []pgpmime.Reader{{Cert: bob}}, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := copies[0].Body.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		mode      config.Mode
		to        string
		forge     bool
		untouched bool
		want      int
	}{
		{"to bob, whose key it is encrypted to", config.Prefer, "bob@example.net", false, true, 250},
		{"to bob in require", config.Require, "bob@example.net", false, true, 250},
		{"to dave, who could not read it", config.Prefer, "dave@example.net", false, true, 250},
		{"to dave in require", config.Require, "dave@example.net", false, false, 550},
		{"to erin, who has no key", config.Prefer, "erin@example.com", false, true, 250},
		{"to erin in require", config.Require, "erin@example.com", false, false, 550},
		{"clear text that claims to be encrypted", config.Require, "bob@example.net", true, false, 250},
	} {
		w.Config.Policy.Mode = tc.mode
		m := message(t, "alice@example.org")
		m.Header, m.Body = append(mail.Header{}, copies[0].Header...), bytes.Clone(body.Bytes())
		// Another Message-ID each time: these are different messages to the ledger.
		m.Header = append(m.Header.Without("Message-ID"), mail.Field{Name: "Message-ID", Value: " <" + strings.ReplaceAll(tc.name, " ", "-") + "@client.example>"})
		if tc.forge {
			m.Body = bytes.Replace(m.Body, []byte("-----BEGIN PGP MESSAGE-----"), []byte(secretText+"\r\n-----BEGIN PGP MESSAGE-----"), 1)
		}
		m.Header = append(m.Header, mail.Field{Name: "Bcc", Value: " quiet@example.com"})
		edit, err := w.submit(t, m, nil, tc.to)
		if code(err) != tc.want {
			t.Errorf("%s: %v, want %d", tc.name, err, tc.want)
			continue
		}
		if err != nil {
			continue
		}
		if (edit.Body == nil) != tc.untouched {
			t.Errorf("%s: untouched is %v", tc.name, edit.Body == nil)
		}
		if edit.Header.Has("Bcc") {
			t.Errorf("%s: a Bcc field is left", tc.name)
		}
	}
}
