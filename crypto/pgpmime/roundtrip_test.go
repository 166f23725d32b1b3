package pgpmime_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// correspondents are a sender, a recipient whom everybody sees and one whom nobody does.
type correspondents struct{ alice, bob, eve *crypto.SecretKey }

func newCorrespondents(t testing.TB) correspondents {
	t.Helper()
	return correspondents{generate(t, "alice@example.org"), generate(t, "bob@example.net"), generate(t, "eve@example.com")}
}

// entities are keys as the OpenPGP library has them.
func entities(t testing.TB, keys ...*crypto.SecretKey) openpgp.EntityList {
	t.Helper()
	var all openpgp.EntityList
	for _, key := range keys {
		b, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		ring, err := openpgp.ReadKeyRing(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ring...)
	}
	return all
}

// sealedCopies are the three copies of one message.
type sealedCopies struct{ signed, visible, hidden *pgpmime.Copy }

// sealCopies composes a message. It reports false if the message cannot be sealed, and is refused with the reason.
func sealCopies(t *testing.T, m *mail.Message, who correspondents) (sealedCopies, bool) {
	t.Helper()
	draft, err := realComposer().Prepare(m)
	if malformed := new(pgpmime.MalformedError); errors.As(err, &malformed) {
		return sealedCopies{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	signed, err := draft.Sign(signer(t, who.alice), false)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := draft.Encrypt(signer(t, who.alice),
		[]pgpmime.Reader{{Cert: who.bob.Cert()}, {Cert: who.eve.Cert(), Hidden: true}}, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	return sealedCopies{signed, encrypted[0], encrypted[1]}, true
}

// inPlace is a copy as it arrives if the message in the MTA's hands becomes it: the body goes to the MTA with LF, and on
// its way it has CRLF again.
func inPlace(t *testing.T, c *pgpmime.Copy) *pgpmime.Copy {
	t.Helper()
	body := render(t, c)
	toMTA := strings.ReplaceAll(body, "\r\n", "\n")
	if strings.ContainsAny(toMTA, "\r\x00") {
		t.Fatalf("a bare CR or a NUL in\n%q", body)
	}
	arrived := strings.ReplaceAll(toMTA, "\n", "\r\n")
	if arrived != body {
		t.Fatalf("on the way\n%q\nbecomes\n%q", body, arrived)
	}
	return &pgpmime.Copy{Header: c.Header, Body: bytes.NewReader([]byte(arrived))}
}

// cut returns the two parts of a composed body as raw as a reader of OpenPGP needs them. The standard library's reader
// would refuse a payload whose header has control characters.
func cut(t *testing.T, c *pgpmime.Copy, typ string) (first, second string) {
	t.Helper()
	got, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || got != typ {
		t.Fatalf("type %q, %v", got, err)
	}
	pieces := strings.Split("\r\n"+render(t, inPlace(t, c)), "\r\n--"+params["boundary"])
	if len(pieces) != 4 || pieces[0] != "" || pieces[3] != "--\r\n" {
		t.Fatalf("not two parts without preamble and epilogue:\n%q", pieces)
	}
	_, second, _ = strings.Cut(pieces[2], "\r\n\r\n")
	return strings.TrimPrefix(pieces[1], "\r\n"), second
}

// config is that of a reader at the time of the tests.
func config() *packet.Config { return &packet.Config{Time: func() time.Time { return now }} }

// verify returns the payload of a signed copy that the OpenPGP library has verified.
func verify(t *testing.T, c *pgpmime.Copy, by openpgp.EntityList) string {
	t.Helper()
	payload, signature := cut(t, c, "multipart/signed")
	_, _, err := openpgp.VerifyArmoredDetachedSignature(by, strings.NewReader(payload), strings.NewReader(signature), config())
	if err != nil {
		t.Fatalf("the signature over\n%q\nis not valid: %v", payload, err)
	}
	return payload
}

// decrypt returns the payload of an encrypted copy whose signature the OpenPGP library has verified.
func decrypt(t *testing.T, c *pgpmime.Copy, ring openpgp.EntityList) string {
	t.Helper()
	_, armored := cut(t, c, "multipart/encrypted")
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil {
		t.Fatal(err)
	}
	md, err := openpgp.ReadMessage(block.Body, ring, nil, config())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := io.ReadAll(md.UnverifiedBody)
	if err != nil || !md.IsSigned || md.SignatureError != nil {
		t.Fatalf("read %v, signed %v, %v", err, md.IsSigned, md.SignatureError)
	}
	return string(payload)
}

// checkRoundTrip seals a message and reads it as its recipients do.
func checkRoundTrip(t *testing.T, text []byte, who correspondents) {
	t.Helper()
	header, body := mail.SplitMessage(text)
	m := &mail.Message{Header: header, Body: body}
	copies, ok := sealCopies(t, m, who)
	if !ok {
		return
	}
	wantSigned, wantEncrypted := prepare(t, &mail.Message{Header: header, Body: body})
	if got := verify(t, copies.signed, entities(t, who.alice)); got != wantSigned {
		t.Fatalf("what is signed is\n%q\nnot\n%q", got, wantSigned)
	}
	for c, reader := range map[*pgpmime.Copy]*crypto.SecretKey{copies.visible: who.bob, copies.hidden: who.eve} {
		if got := decrypt(t, c, entities(t, reader, who.alice)); got != wantEncrypted {
			t.Fatalf("what is encrypted is\n%q\nnot\n%q", got, wantEncrypted)
		}
	}
	for _, payload := range []string{wantSigned, wantEncrypted} {
		if most := 64*len(text) + 4096; len(payload) > most {
			t.Fatalf("%d octets become %d", len(text), len(payload))
		}
	}
}

// FuzzRoundTrip seals any message. What its recipients decrypt and verify, with a reader that is not ours and after the
// way through the MTA, is the canonical form of what was sent, and the size of that is bounded.
func FuzzRoundTrip(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, eml := range cases {
		text, err := os.ReadFile(eml)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(crlf(string(text))))
	}
	f.Add([]byte("Subject: \xe4 a \xe4 a, \xe4\r\nContent-Type: text/plain; a=\xe4;b=\xe4\r\n\r\n\xe4\x00\rFrom \r\nFrom \n \t"))
	who := newCorrespondents(f)
	f.Fuzz(func(t *testing.T, text []byte) { checkRoundTrip(t, text, who) })
}

// choices makes random numbers of octets, so that a fuzzer can choose what a generator does.
type choices struct {
	octets []byte
	rest   *rand.PCG
}

func (c *choices) Uint64() uint64 {
	if len(c.octets) == 0 {
		return c.rest.Uint64()
	}
	n := uint64(c.octets[0]) * 0x0101010101010101 // at whichever end the caller looks
	c.octets = c.octets[1:]
	return n
}

// generated returns the message that the generator makes of the choices.
func generated(octets []byte) string {
	g := &generator{Rand: rand.New(&choices{octets, rand.NewPCG(uint64(len(octets)), 0)})}
	g.eol = g.choose("\r\n", "\n")
	return "From: alice@example.org" + g.eol + "MIME-Version: 1.0" + g.eol + g.entity(5)
}

// checkContent seals a message of sound structure. Another reader finds the same leaves in what is signed as in what was
// sent, what had to be encoded is in lines of 76 octets, and the canonical form is its own.
func checkContent(t *testing.T, text string) {
	t.Helper()
	before, err := leavesOf(text)
	if err != nil {
		return // a boundary may stand in the text of a part
	}
	header, body := mail.SplitMessage([]byte(text))
	signed, _ := prepare(t, &mail.Message{Header: header, Body: body})
	if faults := canonicalFaults(signed); faults != nil {
		t.Fatalf("%q\nbecame\n%q\nwhich has %v", text, signed, faults)
	}
	after, err := leavesOf(signed)
	if err != nil || !slices.Equal(before, after) {
		t.Fatalf("%q\nbecame\n%q\nwith the leaves\n%q\ninstead of\n%q, %v", text, signed, after, before, err)
	}
	encodedBefore, encodedAfter := encodedLeaves(t, text), encodedLeaves(t, signed)
	for i, leaf := range encodedAfter {
		if len(encodedBefore) == len(encodedAfter) && !encodedBefore[i].encoded && leaf.encoded && leaf.longest > 76 {
			t.Fatalf("%q\nbecame\n%q\nwith a line of %d octets in leaf %d", text, signed, leaf.longest, i)
		}
	}
	header, body = mail.SplitMessage([]byte(signed))
	if again, _ := prepare(t, &mail.Message{Header: header, Body: body}); again != signed {
		t.Fatalf("%q\nbecame\n%q\nwhich became\n%q", text, signed, again)
	}
}

// byChance are n octets for a generator.
func byChance(seed, i uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, i))
	octets := make([]byte, n)
	for j := range octets {
		octets[j] = byte(r.UintN(256))
	}
	return octets
}

// FuzzContent seals any message of sound structure. Without a fuzzer it takes some hundred made by chance.
func FuzzContent(f *testing.F) {
	seed := rand.Uint64()
	for i := range uint64(800) {
		f.Add(byChance(seed, i, 100))
	}
	f.Fuzz(func(t *testing.T, octets []byte) { checkContent(t, generated(octets)) })
}

// encodedLeaf is a leaf as it stands in a message.
type encodedLeaf struct {
	encoded bool
	longest int // line in octets
}

// encodedLeaves reads the leaves without decoding them, with the standard library's reader.
func encodedLeaves(t *testing.T, text string) []encodedLeaf {
	t.Helper()
	header, body := mail.SplitMessage([]byte(text))
	typ, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(typ, "multipart/") {
		var all []encodedLeaf
		for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
			part, err := r.NextRawPart()
			if err != nil {
				return all
			}
			content, err := io.ReadAll(part)
			if err != nil {
				return all
			}
			all = append(all, encodedLeaves(t, "Content-Type: "+part.Header.Get("Content-Type")+"\nContent-Transfer-Encoding: "+
				part.Header.Get("Content-Transfer-Encoding")+"\n\n"+string(content))...)
		}
	}
	var leaf encodedLeaf
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable", "base64":
		leaf.encoded = true
	}
	for line := range strings.SplitSeq(string(body), "\r\n") {
		leaf.longest = max(leaf.longest, len(line))
	}
	return []encodedLeaf{leaf}
}

// TestGnuPGReadsAnyContent has the real gpg read messages made by chance.
func TestGnuPGReadsAnyContent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	who := newCorrespondents(t)
	bobs := newGnuPG(t, who.bob)
	bobs.Run(t, who.alice.Cert().Bytes(), "--import")
	for i := range uint64(12) {
		checkGnuPG(t, bobs, generated(byChance(seed, i, 100)), who)
	}
}

// checkGnuPG has gpg decrypt and verify the encrypted copy of a message, and compares what comes out.
func checkGnuPG(t *testing.T, bobs labtest.GnuPG, text string, who correspondents) {
	t.Helper()
	m := &mail.Message{}
	m.Header, m.Body = mail.SplitMessage([]byte(text))
	copies, ok := sealCopies(t, m, who)
	if !ok {
		return
	}
	_, want := prepare(t, m)
	_, armored := cut(t, copies.visible, "multipart/encrypted")
	payload, status := bobs.Run(t, []byte(armored), "--decrypt")
	if string(payload) != want || !strings.Contains(status, "[GNUPG:] VALIDSIG "+who.alice.Fingerprint()) {
		t.Errorf("%q\nis read as\n%q\nnot\n%q\n%s", text, payload, want, status)
	}
}
