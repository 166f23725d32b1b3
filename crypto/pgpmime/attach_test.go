package pgpmime_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// counter is a source of boundaries that makes them all different.
type counter uint64

func (c *counter) Read(p []byte) (int, error) {
	clear(p)
	*c++
	binary.BigEndian.PutUint64(p[len(p)-8:], uint64(*c))
	return len(p), nil
}

// introduced returns the signed, the encrypted and the hidden payload of a message with keys.
func introduced(t *testing.T, m *mail.Message, i pgpmime.Introduction, attachKey bool) (signed, encrypted, hidden string) {
	t.Helper()
	var sealer stubSealer
	c := composer(&sealer)
	c.Rand = new(counter)
	draft, err := c.Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	draft.Introduce(i)
	if _, err := draft.Sign(nil, attachKey); err != nil {
		t.Fatal(err)
	}
	payloads := []string{string(sealer.payload)}
	for _, hidden := range []bool{false, true} {
		if _, err := draft.Encrypt(nil, []pgpmime.Reader{{Hidden: hidden, AttachKey: attachKey}}, crypto.EncryptOptions{}); err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, string(sealer.payload))
	}
	return payloads[0], payloads[1], payloads[2]
}

func readCert(t testing.TB, file string) *crypto.Cert {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(bytes.NewReader(b))
	if err != nil || len(ring.Certs) != 1 {
		t.Fatalf("%s: %v", file, err)
	}
	return ring.Certs[0]
}

// TestGoldenAttached composes testdata/attached/NN-name.eml with the certificate of alice.asc attached and gossip, and
// compares the payloads with NN-name.want. Their certificates are cut out; NN-name.readme says what the case is about.
func TestGoldenAttached(t *testing.T) {
	alice := readCert(t, "testdata/attached/alice.asc")
	var armored bytes.Buffer
	if err := alice.WriteArmored(&armored); err != nil {
		t.Fatal(err)
	}
	gossip := mail.Header{{Name: "Autocrypt-Gossip", Value: " addr=bob@example.net; keydata=\r\n BOB"},
		{Name: "Autocrypt-Gossip", Value: " addr=carol@example.net; keydata=\r\n CAROL"}}
	goldenFolder(t, "testdata/attached", func(t *testing.T, _ string, m *mail.Message) string {
		signed, encrypted, hidden := introduced(t, m, pgpmime.Introduction{Attached: alice, Gossip: gossip}, true)
		got := "#### signed payload\n" + signed + "\n#### encrypted payload\n" + encrypted + "\n#### hidden payload, header\n"
		header, _, _ := strings.Cut(hidden, "\r\n\r\n")
		got = strings.ReplaceAll(got+header+"\n", "\r\n", "\n")
		return strings.ReplaceAll(got, armored.String(), "<armored certificate>\n")
	})
}

// attachment cuts a payload into the message and the key, as raw as they are.
func attachment(t *testing.T, payload string) (message, key string) {
	t.Helper()
	header, body := mail.SplitMessage([]byte(payload))
	typ, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || typ != "multipart/mixed" || params["protected-headers"] != "v1" || params["hp"] == "" {
		t.Fatalf("%q, %v", header.Get("Content-Type"), err)
	}
	pieces := strings.Split("\r\n"+string(body), "\r\n--"+params["boundary"])
	if len(pieces) != 4 || pieces[0] != "" || pieces[3] != "--\r\n" {
		t.Fatalf("not two parts:\n%q", pieces)
	}
	return strings.TrimPrefix(pieces[1], "\r\n"), strings.TrimPrefix(pieces[2], "\r\n")
}

// plainRoot is the payload without header protection: the Content-* fields, and the body.
func plainRoot(payload string) string {
	header, body := mail.SplitMessage([]byte(payload))
	var content mail.Header
	for _, f := range header {
		if strings.HasPrefix(strings.ToLower(f.Name), "content-") {
			f.Value = strings.Replace(f.Value, ";\r\n protected-headers=\"v1\"; hp=\"clear\"", "", 1)
			f.Value = strings.Replace(f.Value, ";\r\n protected-headers=\"v1\"; hp=\"cipher\"", "", 1)
			content = append(content, f)
		}
	}
	return string(append(content.AppendTo(nil), '\r', '\n')) + string(body)
}

// uncontained takes a message that came signed out of the multipart around it. One with a key has none: its own is one.
func uncontained(root string) string {
	header, body := mail.SplitMessage([]byte(root))
	_, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || len(header) != 1 {
		return root
	}
	signed, found := strings.CutPrefix(string(body), "--"+params["boundary"]+"\r\nContent-Type: multipart/signed;")
	signed, ended := strings.CutSuffix(signed, "\r\n--"+params["boundary"]+"--\r\n")
	if !found || !ended || strings.Contains(signed, "\r\n--"+params["boundary"]) {
		return root
	}
	return "Content-Type: multipart/signed;" + signed
}

// checkAttached composes a message without and with the key: the message in it is the same, octet for octet. It reports
// whether the key is attached.
func checkAttached(t *testing.T, text string, alice *crypto.Cert) (attached bool) {
	t.Helper()
	parse := func() *mail.Message {
		header, body := mail.SplitMessage([]byte(text))
		return &mail.Message{Header: header, Body: body}
	}
	signed, encrypted, _ := introduced(t, parse(), pgpmime.Introduction{Attached: alice}, false)
	signedWith, encryptedWith, _ := introduced(t, parse(), pgpmime.Introduction{Attached: alice}, true)
	for _, p := range []struct{ without, with string }{{signed, signedWith}, {encrypted, encryptedWith}} {
		if attached = p.with != p.without; !attached {
			continue
		}
		message, key := attachment(t, p.with)
		if want := uncontained(plainRoot(p.without)); message != want {
			t.Fatalf("%q\nis attached to as\n%q\nnot\n%q", text, message, want)
		}
		// What came signed may keep blanks and "From " lines, which are on other lines now.
		if faults := canonicalFaults(p.with); len(faults) != len(canonicalFaults(p.without)) {
			t.Fatalf("%q\nbecame\n%q\nwhich has %v", text, p.with, faults)
		}
		if ring, err := crypto.ReadKeyring(strings.NewReader(key)); err != nil || len(ring.Certs) != 1 ||
			!bytes.Equal(ring.Certs[0].Bytes(), alice.Bytes()) {
			t.Fatalf("the key is\n%q\n%v", key, err)
		}
	}
	return attached
}

func TestAttachedToAnyContent(t *testing.T) {
	alice := readCert(t, "testdata/attached/alice.asc")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(400) {
		text := generated(byChance(seed, i, 100))
		header, _ := mail.SplitMessage([]byte(text))
		if typ := strings.ToLower(header.Get("Content-Type")); !checkAttached(t, text, alice) && !strings.HasPrefix(typ, "message/") {
			t.Fatalf("nothing is attached to\n%q", text)
		}
	}
}

// FuzzAttached attaches a key to any message that can be sealed.
func FuzzAttached(f *testing.F) {
	for _, pattern := range []string{"testdata/*.eml", "testdata/attached/*.eml"} {
		cases, err := filepath.Glob(pattern)
		if err != nil || len(cases) == 0 {
			f.Fatal(cases, err)
		}
		for _, eml := range cases {
			text, err := os.ReadFile(eml)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(crlf(string(text)))
		}
	}
	alice := readCert(f, "testdata/attached/alice.asc")
	f.Add("Content-Type: application/pgp-keys\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(alice.Bytes()))
	f.Fuzz(func(t *testing.T, text string) {
		header, body := mail.SplitMessage([]byte(text))
		if _, err := composer(nil).Prepare(&mail.Message{Header: header, Body: body}); err != nil {
			return
		}
		checkAttached(t, text, alice)
	})
}

// TestNotAttached has messages that would not be what they are inside of another one, or have the key already.
func TestNotAttached(t *testing.T) {
	alice := readCert(t, "testdata/attached/alice.asc")
	other := generate(t, "other@example.org").Cert()
	armored := func(c *crypto.Cert) string {
		var b bytes.Buffer
		if err := c.WriteArmored(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	mixed := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n" + strings.Join(parts, "\n--b\n") + "\n--b--\n"
	}
	keyPart := "Content-Type: application/pgp-keys\n\n"
	in64 := "Content-Type: application/pgp-keys\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(alice.Bytes())
	for _, tc := range []struct {
		name, text string
		attached   bool
	}{
		{"text", "Content-Type: text/plain\n\ntext\n", true},
		{"nothing", "\n", true},
		{"no certificate", "", false},
		{"a report", "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\ntext\n--b--\n", false},
		{"encrypted", "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\ntext\n--b--\n", false},
		{"S/MIME", "Content-Type: application/pkcs7-mime\n\nMIAGCSqGSIb3\n", false},
		{"an invitation alone", "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n", false},
		{"an invitation in a text", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n--b--\n", true},
		{"a piece of a message", "Content-Type: message/partial; id=a; number=1\n\ntext\n", false},
		{"the key alone", keyPart + armored(alice), false},
		{"the key among others", mixed(keyPart+armored(other)+armored(alice), keyPart+"no key"), false},
		{"the key in base64", mixed(in64), false},
		{"the key behind many", mixed(append(slices.Repeat([]string{keyPart + armored(other)}, 9), in64)...), false},
		{"another key", mixed(keyPart + armored(other)), true},
		{"no key at all", mixed(keyPart + "no key"), true},
		{"the key behind more than anybody has", mixed(append(slices.Repeat([]string{keyPart + armored(other)}, 10), in64)...), true},
		{"the key in a forwarded message", mixed("Content-Type: message/rfc822\n\n" + in64), true},
		{"the key as a text", mixed("Content-Type: text/plain\n\n" + armored(alice)), true},
	} {
		i := pgpmime.Introduction{Attached: alice}
		if tc.text == "" {
			i.Attached = nil
		}
		text := "From: alice@example.org\nMIME-Version: 1.0\n" + tc.text
		without, _, _ := introduced(t, parseMessage(text), i, false)
		with, _, _ := introduced(t, parseMessage(text), i, true)
		if (with != without) != tc.attached {
			t.Errorf("%s: attached is %v", tc.name, with != without)
		}
	}
}

// TestAttachedBelowLegacyDisplay has what is hidden in the main text, which is the first part now (RFC 9787, section 7.1).
func TestAttachedBelowLegacyDisplay(t *testing.T) {
	var sealer stubSealer
	c := composer(&sealer)
	c.Rand, c.LegacyDisplay = new(counter), true
	draft, err := c.Prepare(parseMessage("From: a@example.org\nSubject: plans\nContent-Type: text/plain\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	draft.Introduce(pgpmime.Introduction{Attached: readCert(t, "testdata/attached/alice.asc")})
	if _, err := draft.Encrypt(nil, []pgpmime.Reader{{AttachKey: true}}, crypto.EncryptOptions{}); err != nil {
		t.Fatal(err)
	}
	message, _ := attachment(t, string(sealer.payload))
	if want := "Content-Type: text/plain; hp-legacy-display=\"1\"\r\n\r\nSubject: plans\r\n\r\nbody\r\n"; message != want {
		t.Errorf("the first part is\n%q\nnot\n%q", message, want)
	}
	header, _ := mail.SplitMessage(sealer.payload)
	if strings.Contains(header.Get("Content-Type"), "hp-legacy-display") {
		t.Errorf("the root is %q", header.Get("Content-Type"))
	}
	if subject, found := subjectInThunderbird(string(sealer.payload)); subject != "plans" || !found {
		t.Errorf("Thunderbird shows %q", subject)
	}
	if _, err := draft.Sign(nil, true); err != nil {
		t.Fatal(err)
	}
	if message, _ := attachment(t, string(sealer.payload)); message != "Content-Type: text/plain\r\n\r\nbody\r\n" {
		t.Errorf("the first part of the signed copy is\n%q", message)
	}
}

// TestIntroductionIsForVisibleReaders looks where gossip and the fields outside appear.
func TestIntroductionIsForVisibleReaders(t *testing.T) {
	const gossip, outside = "gossip-about-bob", "autocrypt-of-alice"
	i := pgpmime.Introduction{
		Outside: mail.Header{{Name: "Autocrypt", Value: " " + outside}},
		Gossip:  mail.Header{{Name: "Autocrypt-Gossip", Value: " " + gossip}},
	}
	const text = "From: a@example.org\nAutocrypt-Gossip: by-the-client\nSubject: s\n\nbody\n"
	signed, encrypted, hidden := introduced(t, parseMessage(text), i, false)
	if strings.Contains(signed, gossip) || strings.Contains(hidden, gossip) || !strings.Contains(encrypted, "\r\nAutocrypt-Gossip: "+gossip+"\r\n") {
		t.Errorf("gossip is in the wrong place:\n%s\n%s\n%s", signed, encrypted, hidden)
	}
	if all := signed + encrypted + hidden; strings.Contains(all, "by-the-client") || strings.Contains(all, outside) {
		t.Errorf("what is not to be inside:\n%s", all)
	}
	draft, err := composer(new(stubSealer)).Prepare(parseMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	draft.Introduce(i)
	copies, err := draft.Encrypt(nil, []pgpmime.Reader{{}, {Hidden: true}}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	signedCopy, err := draft.Sign(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(copies, signedCopy) {
		if c.Header.Get("Autocrypt") != outside || c.Header.Has("Autocrypt-Gossip") {
			t.Errorf("the header is\n%s", c.Header.AppendTo(nil))
		}
	}
}

// TestGnuPGTakesAttached has the real gpg open both kinds of copies and import what is attached, as a mail client does.
func TestGnuPGTakesAttached(t *testing.T) {
	who := newCorrespondents(t)
	draft, err := realComposer().Prepare(parseMessage("From: alice@example.org\nSubject: s\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	draft.Introduce(pgpmime.Introduction{Attached: who.alice.Cert()})
	signed, err := draft.Sign(signer(t, who.alice), true)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := draft.Encrypt(signer(t, who.alice), []pgpmime.Reader{{Cert: who.bob.Cert(), AttachKey: true}}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bobs := newGnuPG(t, who.bob)
	_, armored := cut(t, encrypted[0], "multipart/encrypted")
	_, key := attachment(t, decrypt(t, encrypted[0], entities(t, who.bob, who.alice)))
	bobs.Run(t, []byte(key), "--import")
	if _, status := bobs.Run(t, []byte(armored), "--decrypt"); !strings.Contains(status, "[GNUPG:] VALIDSIG "+who.alice.Fingerprint()) {
		t.Errorf("not a valid signature:\n%s", status)
	}
	erins := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: now}
	_, key = attachment(t, verify(t, signed, entities(t, who.alice)))
	erins.Run(t, []byte(key), "--import")
	answer, _ := erins.Run(t, []byte("answer"), "--trust-model", "always", "--recipient", "alice@example.org", "--encrypt")
	if text, _ := newGnuPG(t, who.alice).Run(t, answer, "--decrypt"); string(text) != "answer" {
		t.Errorf("decrypted %q", text)
	}
}
