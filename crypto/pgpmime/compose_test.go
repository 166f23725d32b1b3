package pgpmime_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// stubSealer keeps the last payload and seals nothing.
type stubSealer struct {
	payload []byte
	options []crypto.EncryptOptions
	readers []int // how many in each call of Encrypt
	err     error
}

func (s *stubSealer) Sign(payload crypto.Payload, _ *crypto.Signer) (*crypto.Signature, error) {
	s.payload = octetsOf(payload)
	return &crypto.Signature{Armored: []byte("<signature>\r\n"), MicAlg: "pgp-sha256"}, s.err
}

func (s *stubSealer) Encrypt(payload crypto.Payload, _ *crypto.Signer, to []*crypto.Cert, o crypto.EncryptOptions) (
	[]*crypto.Ciphertext, error,
) {
	s.payload = octetsOf(payload)
	s.options, s.readers = append(s.options, o), append(s.readers, len(to))
	return make([]*crypto.Ciphertext, len(to)), s.err
}

// octetsOf returns what a payload writes.
func octetsOf(payload crypto.Payload) []byte {
	var b bytes.Buffer
	payload.WriteTo(&b)
	return b.Bytes()
}

// zeros is a source of boundaries that makes them all alike.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func composer(s pgpmime.Sealer) *pgpmime.Composer {
	return &pgpmime.Composer{Sealer: s, Rand: zeros{}, Strip: []string{"User-Agent", "X-Mailer"}}
}

// parseMessage reads a message; CRLF are made of its LF.
func parseMessage(text string) *mail.Message {
	header, body := mail.SplitMessage([]byte(crlf(text)))
	return &mail.Message{Header: header, Body: body}
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func render(t *testing.T, c *pgpmime.Copy) string {
	t.Helper()
	var b bytes.Buffer
	n, err := c.Body.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d octets, %v", n, b.Len(), err)
	}
	return b.String()
}

// prepare returns the signed and the encrypted payload of a message.
func prepare(t *testing.T, m *mail.Message) (signed, encrypted string) {
	t.Helper()
	var sealer stubSealer
	draft, err := composer(&sealer).Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Sign(nil, false); err != nil {
		t.Fatal(err)
	}
	signed = string(sealer.payload)
	if _, err := draft.Encrypt(nil, make([]pgpmime.Reader, 1), crypto.EncryptOptions{}); err != nil {
		t.Fatal(err)
	}
	return signed, string(sealer.payload)
}

func TestSignedCopyIsRepeatableAndKeepsItsPayload(t *testing.T) {
	var sealer stubSealer
	draft, err := composer(&sealer).Prepare(parseMessage("From: a@example.org\nSubject: s\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := draft.Sign(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	payload, first := string(sealer.payload), render(t, signed)
	// Both payloads use the same memory.
	if _, err := draft.Encrypt(nil, make([]pgpmime.Reader, 1), crypto.EncryptOptions{}); err != nil {
		t.Fatal(err)
	}
	if again := render(t, signed); again != first {
		t.Errorf("the body changed between two calls of WriteTo:\n%s", again)
	}
	want := "--=_00000000000000000000000000000000\r\n" + payload + "\r\n--=_00000000000000000000000000000000\r\n"
	if !strings.HasPrefix(first, want) {
		t.Errorf("the signed part is not the payload:\n%s\nwant\n%s", first, want)
	}
}

func TestEncryptKeepsHiddenRecipientsApart(t *testing.T) {
	var sealer stubSealer
	draft, err := composer(&sealer).Prepare(parseMessage("From: a@example.org\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	readers := []pgpmime.Reader{{}, {Hidden: true}, {}, {Hidden: true}, {}}
	copies, err := draft.Encrypt(nil, readers, crypto.EncryptOptions{Share: true})
	if err != nil || len(copies) != 5 || slices.Contains(copies, nil) {
		t.Fatalf("copies %v, %v", copies, err)
	}
	// Both calls keep their data on one shelf, so that no more than one data packet is in memory.
	shelf := sealer.options[0].Shelf
	if len(sealer.options) != 2 || !slices.Equal(sealer.readers, []int{3, 2}) || shelf == nil || !reflect.DeepEqual(sealer.options[0], crypto.EncryptOptions{Share: true, Shelf: shelf}) ||
		!reflect.DeepEqual(sealer.options[1], crypto.EncryptOptions{Share: true, Hidden: true, Shelf: shelf}) {
		t.Errorf("sealed with %+v", sealer.options)
	}
	if copies, err := draft.Encrypt(nil, nil, crypto.EncryptOptions{Share: true}); err != nil || len(copies) > 0 {
		t.Errorf("nobody to encrypt to: %v, %v", copies, err)
	}
}

func TestNoCopyWithoutSeal(t *testing.T) {
	broken := errors.New("broken")
	draft, err := composer(&stubSealer{err: broken}).Prepare(parseMessage("From: a@example.org\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := draft.Sign(nil, false); c != nil || !errors.Is(err, broken) {
		t.Errorf("Sign: %v, %v", c, err)
	}
	for _, hidden := range []bool{false, true} {
		copies, err := draft.Encrypt(nil, []pgpmime.Reader{{Hidden: hidden}}, crypto.EncryptOptions{})
		if copies != nil || !errors.Is(err, broken) {
			t.Errorf("Encrypt: %v, %v", copies, err)
		}
	}
}

func TestBoundaryIsRefusedIfItCannotServe(t *testing.T) {
	text := "From: a@example.org\n\n--=_00000000000000000000000000000000\n"
	draft, err := composer(&stubSealer{}).Prepare(parseMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := draft.Sign(nil, false); err == nil {
		t.Errorf("the boundary occurs in the payload:\n%s", render(t, c))
	}
	c := composer(&stubSealer{})
	c.Rand = io.LimitReader(zeros{}, 15)
	draft, err = c.Prepare(parseMessage("From: a@example.org\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Sign(nil, false); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without enough randomness: %v", err)
	}
}

// TestMalformed has messages that cannot be sealed: what is said about them helps and quotes nothing of them.
func TestMalformed(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"long lines in a message/partial", "Content-Type: message/partial\n\n" + strings.Repeat("x", 999),
			"the message is of a type that must not be encoded and holds lines of more than 998 octets, so it cannot be brought into 7-bit form"},
		{"no room for HP-Outer", strings.Repeat("x", 997) + ":\n\n", `the message has a header field that is too long to be repeated in HP-Outer`},
		{"unfoldable", "To: <" + strings.Repeat("a@example.org,@", 100) + ">\n\n",
			`the message has a header field "To" that cannot be folded into lines of 998 octets`},
	} {
		_, err := composer(nil).Prepare(parseMessage(tc.text))
		var malformed *pgpmime.MalformedError
		if !errors.As(err, &malformed) || err.Error() != tc.want {
			t.Errorf("%s: %v\nwant %s", tc.name, err, tc.want)
		}
	}
	m := &mail.Message{Header: mail.Header{{Name: "X Secret", Value: " a"}}}
	if _, err := composer(nil).Prepare(m); err == nil || strings.Contains(err.Error(), "Secret") {
		t.Errorf("a field name with a space: %v", err)
	}
}

// TestLimits has absurd messages. Without limits each would take minutes or gigabytes.
func TestLimits(t *testing.T) {
	const nested = "Content-Type: multipart/mixed; boundary=%\n\n--%\n"
	var deep strings.Builder
	for i := range 5000 {
		deep.WriteString(strings.ReplaceAll(nested, "%", strings.Repeat("b", i%60+1)+string(rune('a'+i/60%26))))
	}
	for _, tc := range []struct{ name, text, want string }{
		{"5000 multiparts in each other", deep.String(), ""},
		{"5000 messages in each other", strings.Repeat("Content-Type: message/rfc822\n\n", 5000), ""},
		{"200,000 parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 200_000), ""},
		{"a multipart in itself", strings.Repeat(strings.ReplaceAll(nested, "%", "b"), 200_000), ""},
		{"a million fields", strings.Repeat("a:\n", 1_000_000), "the message has more than 100000 header fields"},
		{"a header without end", "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + strings.Repeat("a:\n", 1_000_000),
			"part 1 of the message has a header of more than 1048576 octets"},
		{"a million parameters", "Content-Type: text/plain" + strings.Repeat(";a=b", 1_000_000) + "\n\n",
			"the message has a Content-Type of more than 65536 octets"},
		{"a 10 MB word", "X-A: " + strings.Repeat("a", 10<<20) + "\n\n", ""},
		{"10 MB of folded 8-bit words", "X-A: " + strings.Repeat("\xe4\n ", 10<<20/3) + "\n\n", ""},
		{"10 MB of open comments", "From: " + strings.Repeat("\xe4, (", 10<<20/5) + "\n\n", ""},
		{"10 MB of NUL", "\n" + strings.Repeat("\x00", 10<<20), ""},
		{"10 MB of groups", "To: " + strings.Repeat("a:b@example.org;,\n ", 10<<20/20) + "c@example.org\n\n", ""},
		{"a million open quotes", "Cc: " + strings.Repeat("\"a\n ", 1_000_000) + "\n\n", ""},
		{"a million open brackets", "To: " + strings.Repeat("<\n ", 1_000_000) + "\n\n", ""},
		{"10 MB of zone", "Date: Fri, 21 Jan 2022 20:40:48 " + strings.Repeat("x", 800) + strings.Repeat("\n (", 1_000_000) + "\n\n", ""},
		{"10 MB of Subject", "Subject: " + strings.Repeat("=?utf-8?q?=C3=A4?=\n ", 10<<20/20) + "\n\ntext\n", ""},
		{"10 MB of quoted-printable in one line", "Subject: s\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n" +
			strings.Repeat("=20", 3<<20), ""},
		{"10 MB of white space in base64", "Subject: s\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n" +
			strings.Repeat(" ", 10<<20), ""},
		{"10 MB of open tags", "Subject: s\nContent-Type: text/html\n\n" + strings.Repeat("<head a=\n", 1<<20), ""},
	} {
		c := composer(nil)
		c.Confidentiality, c.LegacyDisplay = pgpmime.Shy, true
		draft, err := c.Prepare(parseMessage(tc.text))
		switch {
		case tc.want == "" && err != nil, tc.want != "" && err == nil:
			t.Errorf("%s: draft %t, error %v", tc.name, draft != nil, err)
		case err != nil && err.Error() != tc.want:
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
