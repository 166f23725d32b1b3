package pgpmime_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

func TestInspectOwnCopy(t *testing.T) {
	alice, bob, eve := generate(t, "alice@example.org"), generate(t, "bob@example.net"), generate(t, "eve@example.com")
	draft, err := realComposer().Prepare(parseMessage("From: alice@example.org\nSubject: s\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	copies, err := draft.Encrypt(signer(t, alice), []pgpmime.Reader{{Cert: bob.Cert()}}, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	p := pgpmime.Inspect(&mail.Message{Header: copies[0].Header, Body: []byte(render(t, copies[0]))})
	if !p.Encrypted() || !p.For(bob.Cert()) || p.For(eve.Cert()) || p.For(alice.Cert()) {
		t.Errorf("encrypted %t, for Bob %t, for Eve %t, for Alice %t",
			p.Encrypted(), p.For(bob.Cert()), p.For(eve.Cert()), p.For(alice.Cert()))
	}
	signed, err := draft.Sign(signer(t, alice), false)
	if err != nil {
		t.Fatal(err)
	}
	p = pgpmime.Inspect(&mail.Message{Header: signed.Header, Body: []byte(render(t, signed))})
	if p.Encrypted() || p.For(bob.Cert()) {
		t.Error("a signed copy is taken for an encrypted one")
	}
}

// TestInspectProof has messages that are encrypted as a whole, and messages that only look so.
func TestInspectProof(t *testing.T) {
	bob := generate(t, "bob@example.net")
	sealer := realComposer().Sealer
	sealed, err := sealer.Encrypt(crypto.Payload{crypto.Octets("text")}, nil, []*crypto.Cert{bob.Cert()}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	if _, err := sealed[0].WriteTo(&buffer); err != nil {
		t.Fatal(err)
	}
	armored := buffer.String()
	const (
		root    = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n"
		control = "\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n"
		data    = "\n--b\nContent-Type: application/octet-stream\n"
		end     = "\n--b--\n"
	)
	quoted := strings.ReplaceAll(armored, "=", "=3D")
	for _, tc := range []struct {
		name, text string
		want       bool
	}{
		{"PGP/MIME", root + control + data + "\n" + armored + end, true},
		{"PGP/MIME, 8bit and a blank line before", root + control + data + "Content-Transfer-Encoding: 8bit\n\n\n" + armored + end, true},
		{"PGP/MIME, base64", root + control + data + "Content-Transfer-Encoding: base64\n\n" +
			base64.StdEncoding.EncodeToString([]byte(armored)) + end, true},
		{"PGP/MIME, quoted-printable", root + control + data + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted + end, true},
		{"inline", "Subject: s\n\n" + armored, true},
		{"inline, white space around", "Content-Type: text/plain; charset=utf-8\n\n \n" + armored + "\n\n", true},
		{"inline, quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\n" + quoted, true},

		{"plain text under the type", root + control + data + "\nsecret\n" + end, false},
		{"armor lines around plain text", root + control + data + "\n-----BEGIN PGP MESSAGE-----\n\nsecret\n-----END PGP MESSAGE-----\n" + end, false},
		{"text before the armor", root + control + data + "\nsecret\n" + armored + end, false},
		{"text behind the armor", root + control + data + "\n" + armored + "secret\n" + end, false},
		{"a preamble", root + "\nsecret" + control + data + "\n" + armored + end, false},
		{"an epilogue", root + control + data + "\n" + armored + end + "secret\n", false},
		{"a third part", root + control + data + "\n" + armored + "\n--b\n\nsecret" + end, false},
		{"one part", root + data + "\n" + armored + end, false},
		{"text in the control part", root + control + "secret\n" + data + "\n" + armored + end, false},
		{"parts in the wrong order", root + data + "\n" + armored + control + end, false},
		{"data of another type", root + control + "\n--b\nContent-Type: text/html\n\n" + armored + end, false},
		{"another protocol", strings.Replace(root, "pgp-encrypted", "x", 1) + control + data + "\n" + armored + end, false},
		{"another multipart", strings.Replace(root, "encrypted", "mixed", 1) + control + data + "\n" + armored + end, false},
		{"unknown encoding", root + control + data + "Content-Transfer-Encoding: x\n\n" + armored + end, false},
		{"broken base64", root + control + data + "Content-Transfer-Encoding: base64\n\n?" + end, false},
		{"two types", root + "Content-Type: text/plain\n" + control + data + "\n" + armored + end, false},
		{"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + armored, false},
		{"inline, a line of text before", "\nHello\n" + armored, false},
		{"inline, a line of text behind", "\n" + armored + "Bye\n", false},
		{"inline, twice", "\n" + armored + armored, false},
		{"inline, cut off", "\n" + armored[:len(armored)-100], false},
		{"inline in HTML", "Content-Type: text/html\n\n" + armored, false},
		{"an armor line in a text", "\nSee:\n-----BEGIN PGP MESSAGE-----\nis the first line.\n", false},
		{"too deep to look at", strings.Repeat("Content-Type: message/rfc822\n\n", 60), false},
		{"nothing", "\n", false},
	} {
		p := pgpmime.Inspect(parseMessage(tc.text))
		if p.Encrypted() != tc.want || p.For(bob.Cert()) != tc.want {
			t.Errorf("%s: encrypted %t, for Bob %t", tc.name, p.Encrypted(), p.For(bob.Cert()))
		}
	}
}
