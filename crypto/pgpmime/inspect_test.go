package pgpmime_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
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

// inspected are the parts that messages which came encrypted are made of.
type inspected struct {
	bob, eve        *crypto.SecretKey
	armored, binary string // a message to bob
	toEve, toBoth   string // armored
}

func newInspected(t *testing.T) inspected {
	t.Helper()
	i := inspected{bob: generate(t, "bob@example.net"), eve: generate(t, "eve@example.com")}
	seal := func(text string, to ...*crypto.SecretKey) string {
		g := newGnuPG(t, to...)
		args := []string{"--armor", "--encrypt"}
		for _, key := range to {
			args = append(args, "--recipient", key.Cert().Fingerprint())
		}
		out, _ := g.Run(t, []byte(text), args...)
		return string(out)
	}
	i.armored = seal("text\n", i.bob)
	i.toEve, i.toBoth = seal("text\n", i.eve), seal("text\n", i.bob, i.eve)
	out, _ := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: now}.Run(t, []byte(i.armored), "--dearmor")
	i.binary = string(out)
	return i
}

const (
	encryptedRoot = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n"
	mixedRoot     = "Content-Type: multipart/mixed; boundary=\"b\"\n"
	control       = "\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n"
	data          = "\n--b\nContent-Type: application/octet-stream\n"
	attached      = "\n--b\nContent-Type: application/octet-stream; name=\"a.pdf.pgp\"\nContent-Disposition: attachment; filename=\"a.pdf.pgp\"\n"
	plain         = "\n--b\nContent-Type: text/plain; charset=utf-8\n"
	inBase64      = "Content-Transfer-Encoding: base64\n\n"
	end           = "\n--b--\n"
	thunderbird   = "\nThis is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)"
)

// deeper gives a multipart another boundary, so that it can be a part of one with the first.
func deeper(s string) string {
	return strings.NewReplacer("--b", "--c", "boundary=b", "boundary=c").Replace(s)
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestInspectForms has messages that are encrypted as a whole, in the forms in which clients and servers bring them.
func TestInspectForms(t *testing.T) {
	i := newInspected(t)
	var cert bytes.Buffer
	if err := i.eve.Cert().WriteArmored(&cert); err != nil {
		t.Fatal(err)
	}
	armored, quoted := i.armored, strings.ReplaceAll(i.armored, "=", "=3D")
	for _, tc := range []struct{ name, text string }{
		{"PGP/MIME", encryptedRoot + control + data + "\n" + armored + end},
		{"PGP/MIME, 8bit and a blank line before", encryptedRoot + control + data + "Content-Transfer-Encoding: 8bit\n\n\n" + armored + end},
		{"PGP/MIME, base64", encryptedRoot + control + data + inBase64 + base64Of(armored) + end},
		{"PGP/MIME, quoted-printable", encryptedRoot + control + data + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted + end},
		{"Thunderbird", encryptedRoot + thunderbird + strings.Replace(control, "\n\n", "\nContent-Description: PGP/MIME version identification\n\n", 1) +
			"\n--b\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\nContent-Description: OpenPGP encrypted message\n" +
			"Content-Disposition: inline; filename=\"encrypted.asc\"\n\n" + armored + end},
		{"GPGMail", encryptedRoot + "\nThis is an OpenPGP/MIME encrypted message (RFC 2440 and 3156)" + control + data + "\n" + armored + end},
		{"a preamble in two lines", encryptedRoot + "\nThis is a multi-part message\n in MIME format." + control + data + "\n" + armored + end},

		{"inline", "Subject: s\n\n" + armored},
		{"inline, white space around", "Content-Type: text/plain; charset=utf-8\n\n \n" + armored + "\n\n"},
		{"inline, quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\n" + quoted},
		{"inline with attachments", mixedRoot + plain + "\n" + armored + attached + inBase64 + base64Of(i.binary) +
			attached + inBase64 + base64Of(armored) + end},
		{"inline with an attachment in another multipart", mixedRoot + "\n--b\nContent-Type: multipart/related; boundary=c\n\n--c\n\n" + armored +
			"\n--c\nContent-Type: application/pgp-encrypted; name=a.pgp\n\n" + armored + "\n--c--\n" + end},
		{"inline with a certificate", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: application/pgp-keys; name=\"0x1.asc\"\n\n" + cert.String() + end},
		{"inline with a binary certificate", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: application/pgp-keys\n" + inBase64 +
			base64Of(string(i.eve.Cert().Bytes())) + end},
		{"nothing but an attachment", "Content-Type: application/octet-stream; name=\"a.gpg\"\n" + inBase64 + base64Of(i.binary)},
		{"an attachment and no text", mixedRoot + plain + "\n\n" + attached + "\n" + armored + end},

		{"Exchange", mixedRoot + plain + "\n\n" + control + data + "\n" + armored + end},
		{"Exchange, text last", mixedRoot + control + data + inBase64 + base64Of(armored) + plain + "\n \n" + end},
		{"Exchange, blank HTML", mixedRoot + "\n--b\nContent-Type: text/html\n\n\n" + control + data + inBase64 + base64Of(armored) + end},
		{"Exchange, only the two parts", mixedRoot + "\n--b\nContent-Type: application/pgp-encrypted; name=\"PGPMIME Versions Identification\"\n" +
			"Content-Disposition: attachment; filename=\"PGPMIME Versions Identification\"\n" + inBase64 + base64Of("Version: 1\r\n") +
			"\n--b\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\n" + inBase64 + base64Of(armored) + end},
		{"Exchange, the control part of another type", mixedRoot + "\n--b\nContent-Type: application/octet-stream; name=\"Version.txt\"\n" + inBase64 +
			base64Of("Version: 1\r\n") + "\n--b\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\n" +
			"Content-Transfer-Encoding: quoted-printable\n\n" + quoted + end},
		{"a multipart/encrypted in a multipart", mixedRoot + "\n--b\n" + deeper(encryptedRoot+control+data+"\n"+armored+end) + end},
	} {
		p := pgpmime.Inspect(parseMessage(tc.text))
		if !p.Encrypted() || !p.For(i.bob.Cert()) || p.For(i.eve.Cert()) {
			t.Errorf("%s: encrypted %t, for bob %t, for eve %t", tc.name, p.Encrypted(), p.For(i.bob.Cert()), p.For(i.eve.Cert()))
		}
		some := armored[60:100]
		if p := pgpmime.Inspect(parseMessage(strings.Replace(tc.text, some, "", 1))); strings.Contains(tc.text, some) && p.Encrypted() {
			t.Errorf("%s: encrypted although octets are missing", tc.name)
		}
	}
}

// TestInspectForgeries has messages that only look encrypted, or of which something could be read.
func TestInspectForgeries(t *testing.T) {
	i := newInspected(t)
	armored := i.armored
	g := newGnuPG(t, i.bob)
	gpg := func(args ...string) string {
		out, _ := g.Run(t, []byte("the secret text\n"), args...)
		return string(out)
	}
	signed, clearSigned := gpg("--armor", "--sign"), gpg("--clearsign")
	symmetric := gpg("--armor", "--symmetric", "--passphrase", "x")
	alsoSymmetric := gpg("--armor", "--symmetric", "--passphrase", "x", "--encrypt", "--recipient", "bob@example.net")
	stored := gpg("--armor", "--store")
	var certificate bytes.Buffer
	if err := i.eve.Cert().WriteArmored(&certificate); err != nil {
		t.Fatal(err)
	}
	secret, err := i.eve.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	keys := func(content string) string {
		return mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: application/pgp-keys\n" + inBase64 + base64Of(content) + end
	}
	for _, tc := range []struct{ name, text string }{
		{"plain text under the type", encryptedRoot + control + data + "\nsecret\n" + end},
		{"nothing under the type", encryptedRoot + control + data + "\n" + end},
		{"armor lines around plain text", encryptedRoot + control + data + "\n-----BEGIN PGP MESSAGE-----\n\nsecret\n-----END PGP MESSAGE-----\n" + end},
		{"text before the armor", encryptedRoot + control + data + "\nsecret\n" + armored + end},
		{"text behind the armor", encryptedRoot + control + data + "\n" + armored + "secret\n" + end},
		{"text in the armor", encryptedRoot + control + data + "\n" + strings.Replace(armored, "\n\n", "\nSubject: secret\n\n", 1) + end},
		{"a preamble", encryptedRoot + "\nsecret" + control + data + "\n" + armored + end},
		{"a preamble with more than it should have", encryptedRoot + thunderbird + "\nsecret" + control + data + "\n" + armored + end},
		{"a preamble that begins with more", encryptedRoot + strings.Replace(thunderbird, "This", "secret\nThis", 1) + control + data + "\n" + armored + end},
		{"an epilogue", encryptedRoot + control + data + "\n" + armored + end + "secret\n"},
		{"an epilogue such as a preamble", encryptedRoot + control + data + "\n" + armored + end + thunderbird + "\n"},
		{"a third part", encryptedRoot + control + data + "\n" + armored + "\n--b\n\nsecret" + end},
		{"one part", encryptedRoot + data + "\n" + armored + end},
		{"text in the control part", encryptedRoot + strings.Replace(control, "Version: 1", "secret", 1) + data + "\n" + armored + end},
		{"more in the control part", encryptedRoot + control + "secret\n" + data + "\n" + armored + end},
		{"the control part twice", encryptedRoot + control + control + end},
		{"parts in the wrong order", encryptedRoot + data + "\n" + armored + control + end},
		{"data of another type", encryptedRoot + control + "\n--b\nContent-Type: text/html\n\n" + armored + end},
		{"data as text", encryptedRoot + control + plain + "\n" + armored + end},
		{"another protocol", strings.Replace(encryptedRoot, "pgp-encrypted", "x", 1) + control + data + "\n" + armored + end},
		{"unknown encoding", encryptedRoot + control + data + "Content-Transfer-Encoding: x\n\n" + armored + end},
		{"broken base64", encryptedRoot + control + data + inBase64 + "?" + end},
		{"text behind base64", encryptedRoot + control + data + inBase64 + base64Of(armored) + "\nsec" + end},
		{"base64 that is cut off", encryptedRoot + control + data + inBase64 + strings.TrimRight(base64Of(armored+"\n"), "=")[:len(base64Of(armored))-5] + end},
		{"base64 that is none", encryptedRoot + control + data + inBase64 + armored + end},
		{"two encodings of the data", encryptedRoot + control + data + "Content-Transfer-Encoding: 7bit\n" + inBase64 + base64Of(armored) + end},
		{"two types", encryptedRoot + "Content-Type: text/plain\n" + control + data + "\n" + armored + end},
		{"two types of a part", encryptedRoot + control + data + "Content-Type: text/plain\n\n" + armored + end},
		{"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + armored},
		{"two boundaries", strings.Replace(encryptedRoot, "boundary=b", "boundary=b; boundary=c", 1) + control + data + "\n" + armored + end},
		{"a boundary in pieces", strings.Replace(encryptedRoot, "boundary=b", "boundary*0=b", 1) + control + data + "\n" + armored + end},
		{"a boundary in words", strings.Replace(strings.ReplaceAll(encryptedRoot+control+data+"\n"+armored+end, "--b", "--b b"), "boundary=b", "boundary=b b", 1)},
		{"no boundary", "Content-Type: multipart/mixed\n\n" + armored},
		{"text as header of a part", mixedRoot + "\n--b\nSecret: secret\n\n" + armored + end},
		{"text as description of a part", mixedRoot + "\n--b\nContent-Description: " + strings.Repeat("secret\n ", 300) + "\n\n" + armored + end},

		{"signed", encryptedRoot + control + data + "\n" + signed + end},
		{"not even signed", encryptedRoot + control + data + "\n" + stored + end},
		{"a certificate", encryptedRoot + control + data + "\n" + certificate.String() + end},
		{"by passphrase", encryptedRoot + control + data + "\n" + symmetric + end},
		{"by passphrase, too", encryptedRoot + control + data + "\n" + alsoSymmetric + end},
		{"inline, signed", "\n" + signed},
		{"inline, signed in clear text", "\n" + clearSigned},
		{"inline, by passphrase, too", "\n" + alsoSymmetric},
		{"inline, a line of text before", "\nHello\n" + armored},
		{"inline, a line of text behind", "\n" + armored + "Bye\n"},
		{"inline, quoted", "\n> " + strings.ReplaceAll(armored, "\n", "\n> ")},
		{"inline, twice", "\n" + armored + armored},
		{"inline, cut off", "\n" + armored[:len(armored)-100]},
		{"inline in HTML", "Content-Type: text/html\n\n" + armored},
		{"inline in UTF-16", "Content-Type: text/plain; charset=utf-16\n\n" + armored},
		{"inline in UTF-7", "Content-Type: text/plain; charset=\"UTF-7\"\n\n" + armored},
		{"inline in EBCDIC", "Content-Type: text/plain; charset=ibm037\n\n" + armored},
		{"inline in two charsets", "Content-Type: text/plain; charset=utf-8; charset=utf-7\n\n" + armored},
		{"an armor line in a text", "\nSee:\n-----BEGIN PGP MESSAGE-----\nis the first line.\n"},

		{"a clear attachment", mixedRoot + plain + "\n" + armored + attached + inBase64 + base64Of("secret") + end},
		{"a large clear attachment", mixedRoot + plain + "\n" + armored + attached + inBase64 + base64Of(strings.Repeat("secret", 5000)) + end},
		{"an HTML rendering", "Content-Type: multipart/alternative; boundary=b\n" + plain + "\n" + armored + "\n--b\nContent-Type: text/html\n\n<p>secret</p>" + end},
		{"an HTML rendering of the armor", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: text/html\n\n<pre>" + armored + "</pre>" + end},
		{"an HTML part behind blanks", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: text/html\n\n" + strings.Repeat(" \n", 5000) + "secret" + end},
		{"a text behind blanks", mixedRoot + plain + "\n" + armored + plain + "\n" + strings.Repeat(" \n", 5000) + "secret" + end},
		{"more certificates than anybody has", mixedRoot + plain + "\n" + armored +
			strings.Repeat("\n--b\nContent-Type: application/pgp-keys\n\n"+certificate.String(), 11) + end},
		{"an image beside", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: image/png\n" + inBase64 + base64Of("\x89PNG") + end},
		{"a text beside a multipart/encrypted", mixedRoot + plain + "\nsecret\n--b\n" + deeper(encryptedRoot+control+data+"\n"+armored+end) + end},
		{"a list's footer", mixedRoot + control + data + "\n" + armored + plain + "\nTo unsubscribe, write to us.\n" + end},
		{"a message beside", mixedRoot + plain + "\n" + armored + "\n--b\nContent-Type: message/rfc822\n\nSubject: secret\n\n" + armored + end},
		{"a message", "Content-Type: message/rfc822\n\nSubject: secret\n\n" + armored},
		{"a preamble of a multipart", mixedRoot + "\nsecret" + plain + "\n" + armored + end},
		{"an epilogue of a multipart", mixedRoot + plain + "\n" + armored + end + "secret\n"},
		{"blank parts", mixedRoot + plain + "\n\n" + control + end},
		{"a certificate alone", mixedRoot + "\n--b\nContent-Type: application/pgp-keys\n\n" + certificate.String() + end},
		{"a secret key beside", keys(string(secret))},
		{"text in the place of a certificate", keys("secret")},
		{"text behind a certificate", keys(certificate.String() + "secret\n")},
		{"text before a certificate", keys("secret\n" + certificate.String())},
		{"a packet behind a certificate", keys(string(i.eve.Cert().Bytes()) + "\xfd\x06secret")},
		{"a broken certificate", keys(string(i.eve.Cert().Bytes()[:200]))},
		{"a certificate of another type", strings.Replace(keys(certificate.String()), "application/pgp-keys", "application/octet-stream", 1)},

		{"too deep to look at", strings.Repeat("Content-Type: message/rfc822\n\n", 60)},
		{"nothing", "\n"},
	} {
		p := pgpmime.Inspect(parseMessage(tc.text))
		if p.Encrypted() || p.For(i.bob.Cert()) {
			t.Errorf("%s: encrypted %t, for bob %t", tc.name, p.Encrypted(), p.For(i.bob.Cert()))
		}
	}
}

// TestInspectFor has messages whose parts are for different people: nobody can read them but who can read all of it.
func TestInspectFor(t *testing.T) {
	i := newInspected(t)
	g := newGnuPG(t, i.bob, i.eve)
	hidden, _ := g.Run(t, []byte("text"), "--armor", "--encrypt", "--hidden-recipient", "bob@example.net")
	also, _ := g.Run(t, []byte("text"), "--armor", "--encrypt", "--hidden-recipient", "eve@example.com", "--recipient", "bob@example.net")
	for _, tc := range []struct {
		name, text string
		bob, eve   bool
	}{
		{"both for both", mixedRoot + plain + "\n" + i.toBoth + attached + "\n" + i.toBoth + end, true, true},
		{"one for both", mixedRoot + plain + "\n" + i.armored + attached + "\n" + i.toBoth + end, true, false},
		{"one for each", mixedRoot + plain + "\n" + i.armored + attached + "\n" + i.toEve + end, false, false},
		{"nobody is named", "\n" + string(hidden), false, false},
		{"bob is named", "\n" + string(also), true, false},
		{"bob is named in one of two", mixedRoot + plain + "\n" + i.armored + attached + "\n" + string(hidden) + end, false, false},
	} {
		p := pgpmime.Inspect(parseMessage(tc.text))
		if !p.Encrypted() || p.For(i.bob.Cert()) != tc.bob || p.For(i.eve.Cert()) != tc.eve {
			t.Errorf("%s: encrypted %t, for bob %t, for eve %t", tc.name, p.Encrypted(), p.For(i.bob.Cert()), p.For(i.eve.Cert()))
		}
	}
	if p := new(pgpmime.Protection); p.Encrypted() || p.For(i.bob.Cert()) || p.ForX509(&x509.Certificate{}) {
		t.Error("what is not protected is")
	}
}
