package gate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// keyed gives addresses keys of which the tests have the secret part.
func (w *world) keyed(t testing.TB, addresses ...string) (secrets openpgp.EntityList) {
	t.Helper()
	for _, a := range addresses {
		parsed, err := mail.ParseAddr(a)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := crypto.Generate(parsed, crypto.GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		w.answers[a] = keys.Answer{Status: keys.Found, Cert: secret.Cert(), Source: "local"}
		b, err := secret.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		ring, err := openpgp.ReadKeyRing(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, ring...)
	}
	return secrets
}

// opened decrypts a message and returns its header, and the header and body of the payload.
func opened(t testing.TB, text string, ring openpgp.EntityList) (outside, inside mail.Header, body string) {
	t.Helper()
	outside, raw := mail.SplitMessage([]byte(text))
	begin := bytes.Index(raw, []byte("-----BEGIN PGP MESSAGE"))
	if begin < 0 {
		t.Fatalf("not encrypted:\n%s", text)
	}
	block, err := armor.Decode(bytes.NewReader(raw[begin:]))
	if err != nil {
		t.Fatal(err)
	}
	md, err := openpgp.ReadMessage(block.Body, ring, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := io.ReadAll(md.UnverifiedBody)
	if err != nil {
		t.Fatal(err)
	}
	inside, rest := mail.SplitMessage(payload)
	return outside, inside, string(rest)
}

// introduced are what a field says: whose certificate it is, and the certificate.
func introduced(t testing.TB, f mail.Field) (addr string, attributes []string, c *crypto.Cert) {
	t.Helper()
	for part := range strings.SplitSeq(f.Text(), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		attributes = append(attributes, name)
		switch name {
		case "addr":
			addr = value
		case "keydata":
			b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(value, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if c, err = crypto.ParseCert(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	return addr, attributes, c
}

// letter is a message from alice with these fields, and no To but among them.
func letter(t *testing.T, fields ...string) *mail.Message {
	t.Helper()
	m := message(t, "alice@example.org")
	m.Header = m.Header.Without("To")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		if name == "From" {
			m.Header = m.Header.Without(name)
		}
		m.Header = append(m.Header, mail.Field{Name: name, Value: value})
	}
	return m
}

// all returns the texts of all copies by recipient, those that left and the one in place.
func (w *world) all(t *testing.T, m *mail.Message, to ...string) map[string]string {
	t.Helper()
	w.queue = nil
	edit, err := w.submit(t, m, nil, to...)
	if err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{}
	left := slices.Clone(to)
	for _, d := range w.queue {
		copies[d.to] = d.text
		left = slices.DeleteFunc(left, func(s string) bool { return s == d.to })
	}
	if !edit.Discard {
		if len(left) != 1 {
			t.Fatalf("in place for %q", left)
		}
		copies[left[0]] = text(t, edit)
	}
	return copies
}

func TestAuthorIsIntroduced(t *testing.T) {
	const report = "Content-Type: Multipart/Report; report-type=disposition-notification; boundary=b"
	for _, tc := range []struct {
		name        string
		adjust      func(*world)
		message     func(*testing.T) *mail.Message
		autocrypt   string // the attributes
		preference  string
		place       string
		otherFields bool // of the client's own
	}{
		{name: "a letter", autocrypt: "addr keydata", preference: "signencrypt"},
		{name: "with the wish", adjust: func(w *world) { w.Config.Headers.PreferEncrypt = true }, autocrypt: "addr prefer-encrypt keydata", preference: "signencrypt"},
		{name: "with a place", adjust: func(w *world) {
			w.Config.Headers.OpenPGPURL = "https://{domain}/{local}?of={address}&is={fingerprint}"
		}, autocrypt: "addr keydata", preference: "signencrypt", place: "https://example.org/alice?of=alice%40example.org&is="},
		{name: "no Autocrypt", adjust: func(w *world) { w.Config.Headers.Autocrypt = false }, preference: "signencrypt"},
		{name: "no OpenPGP", adjust: func(w *world) { w.Config.Headers.OpenPGP = false }, autocrypt: "addr keydata"},
		{name: "the client's own Autocrypt", message: func(t *testing.T) *mail.Message { return letter(t, "Autocrypt: broken") }, preference: "signencrypt", otherFields: true},
		{name: "the client's own OpenPGP", message: func(t *testing.T) *mail.Message { return letter(t, "OpenPGP: broken") }, autocrypt: "addr keydata", otherFields: true},
		{name: "fields of the client's own that are stripped", adjust: func(w *world) {
			w.Config.Headers.Strip = []string{"autocrypt", "OpenPGP"}
			w.Composer.Strip = w.Config.Headers.Strip
		}, message: func(t *testing.T) *mail.Message { return letter(t, "Autocrypt: broken", "OpenPGP: broken") }, autocrypt: "addr keydata", preference: "signencrypt"},
		{name: "a long header", message: func(t *testing.T) *mail.Message {
			return letter(t, "X-Long: "+strings.Repeat(strings.Repeat("x", 70)+"\r\n ", 250)+"x")
		}, preference: "signencrypt"},
		{name: "two authors", message: func(t *testing.T) *mail.Message { return letter(t, "From: alice@example.org, Alice@Example.Org") }},
		{name: "a list's mail", message: func(t *testing.T) *mail.Message { return letter(t, "List-Id: <l.example.org>") }},
		{name: "a list's mail without its name", message: func(t *testing.T) *mail.Message { return letter(t, "Precedence: List") }},
		{name: "a read receipt", message: func(t *testing.T) *mail.Message {
			m := letter(t, report)
			m.Body = []byte("--b\r\n\r\nread\r\n--b--\r\n")
			return m
		}},
		{name: "the null sender", message: func(t *testing.T) *mail.Message {
			m := letter(t)
			m.Envelope.Sender, m.Envelope.RawSender = mail.Addr{}, "<>"
			return m
		}},
		{name: "a key of the site", adjust: func(w *world) {
			if err := w.addSigner(mustParse("site@example.org")); err != nil {
				panic(err)
			}
			w.signers["alice@example.org"] = w.signers["site@example.org"]
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			secrets := w.keyed(t, "bob@example.net")
			if tc.adjust != nil {
				tc.adjust(w)
			}
			w.Config.Crypto.AttachKey = config.AttachAlways
			fingerprint := w.signers["alice@example.org"].Cert().Fingerprint()
			m := letter(t)
			if tc.message != nil {
				m = tc.message(t)
			}
			copies := w.all(t, m, "bob@example.net", "erin@example.com")
			outside, _, _ := opened(t, copies["bob@example.net"], secrets)
			signed, _ := mail.SplitMessage([]byte(copies["erin@example.com"]))
			for name, h := range map[string]mail.Header{"encrypted": outside, "signed": signed} {
				autocrypt, openPGP := h.All("Autocrypt"), h.All("OpenPGP")
				if tc.otherFields {
					autocrypt, openPGP = without(autocrypt, "broken"), without(openPGP, "broken")
				}
				if (tc.autocrypt != "") != (len(autocrypt) == 1) || (tc.preference != "") != (len(openPGP) == 1) {
					t.Fatalf("%s: the header is\n%s", name, h.AppendTo(nil))
				}
				if tc.autocrypt != "" {
					addr, attributes, c := introduced(t, autocrypt[0])
					if addr != "alice@example.org" || strings.Join(attributes, " ") != tc.autocrypt || c.Fingerprint() != fingerprint {
						t.Errorf("%s: the field is\n%s", name, autocrypt[0].Value)
					}
				}
				if tc.preference != "" {
					want := "id=" + fingerprint + ";"
					if tc.place != "" {
						want += ` url="` + tc.place + fingerprint + `";`
					}
					if got := openPGP[0].Text(); got != want+" preference="+tc.preference {
						t.Errorf("%s: the field is %q", name, got)
					}
				}
			}
			_, inside, _ := opened(t, copies["bob@example.net"], secrets)
			introduces := tc.autocrypt != "" || tc.preference != ""
			if attached := strings.Contains(inside.Get("Content-Type"), "multipart/mixed"); attached != introduces {
				t.Errorf("the key is attached: %v", attached)
			}
		})
	}
}

func without(fields []mail.Field, text string) []mail.Field {
	return slices.DeleteFunc(fields, func(f mail.Field) bool { return f.Text() == text })
}

func mustParse(s string) mail.Addr {
	a, err := mail.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

// TestOpenPGPOfSigningKey has an author whose key cannot be encrypted to.
func TestOpenPGPOfSigningKey(t *testing.T) {
	w := newWorld(t)
	e, err := openpgp.NewEntity("", "", "alice@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Subkeys = nil
	var b bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(&b)
	if err != nil || len(ring.Secrets) != 1 {
		t.Fatal(ring, err)
	}
	if w.signers["alice@example.org"], err = ring.Secrets[0].Signer(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	w.Config.Crypto.AttachKey = config.AttachSigned
	copies := w.all(t, letter(t), "erin@example.com")
	h, body := mail.SplitMessage([]byte(copies["erin@example.com"]))
	if h.Has("Autocrypt") || !strings.HasSuffix(h.Get("OpenPGP"), "; preference=sign") || !bytes.Contains(body, []byte("application/pgp-keys")) {
		t.Errorf("the copy is\n%s\n%s", h.AppendTo(nil), body)
	}
}

// correspondence knows who has encrypted to the author.
type correspondence struct {
	known map[string]bool
	err   error
}

func (c correspondence) HasEncryptedTo(_ context.Context, reader, author mail.Addr) (bool, error) {
	return c.known[reader.Key()+" "+author.Key()], c.err
}

func TestKeyIsAttached(t *testing.T) {
	to := []string{"bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com"}
	half := correspondence{known: map[string]bool{"bob@example.net alice@example.org": true, "erin@example.com alice@example.org": true}}
	for _, tc := range []struct {
		choice config.AttachKey
		knows  correspondence
		want   []string
	}{
		{"", half, nil},
		{config.AttachNever, half, nil},
		{config.AttachSigned, half, to[2:]},
		{config.AttachAlways, half, to},
		{config.AttachUntilEncrypted, half, []string{to[1], to[3]}},
		{config.AttachUntilEncrypted, correspondence{}, to},
		{config.AttachUntilEncrypted, correspondence{known: half.known, err: errors.New("the database is down")}, to},
	} {
		w := newWorld(t)
		secrets := w.keyed(t, to[:2]...)
		w.Config.Crypto.AttachKey = tc.choice
		w.Correspondence = tc.knows
		if tc.knows.known == nil {
			w.Correspondence = nil
		}
		var got []string
		for recipient, text := range w.all(t, letter(t), to...) {
			_, body := mail.SplitMessage([]byte(text))
			content := string(body)
			if strings.Contains(content, "BEGIN PGP MESSAGE") {
				_, _, content = opened(t, text, secrets)
			}
			if strings.Contains(content, "Content-Type: application/pgp-keys") {
				got = append(got, recipient)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q, %v: attached for %q, want %q", tc.choice, tc.knows, got, tc.want)
		}
	}
}

// TestShyHidesTheNameInAutocrypt has an author whose certificate says a name that encrypted copies are to hide.
func TestShyHidesTheNameInAutocrypt(t *testing.T) {
	for _, tc := range []struct {
		choice config.Confidentiality
		name   string
		want   bool // in encrypted copies
	}{
		{config.Shy, "Alice A.", false}, {config.Shy, "", true}, {config.Baseline, "Alice A.", true},
		{config.NoConfidentiality, "Alice A.", true}, {"", "Alice A.", false},
	} {
		w := newWorld(t)
		secrets := w.keyed(t, "bob@example.net")
		secret, err := crypto.Generate(addr(t, "alice@example.org"), crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader, Name: tc.name})
		if err != nil {
			t.Fatal(err)
		}
		if w.signers["alice@example.org"], err = secret.Signer(time.Now()); err != nil {
			t.Fatal(err)
		}
		w.Config.Headers.Confidentiality = tc.choice
		copies := w.all(t, letter(t), "bob@example.net", "erin@example.com")
		outside, _, _ := opened(t, copies["bob@example.net"], secrets)
		signed, _ := mail.SplitMessage([]byte(copies["erin@example.com"]))
		if outside.Has("Autocrypt") != tc.want || !signed.Has("Autocrypt") || !outside.Has("OpenPGP") {
			t.Errorf("%q, %q: encrypted %t, signed %t", tc.choice, tc.name, outside.Has("Autocrypt"), signed.Has("Autocrypt"))
		}
	}
}

// TestAttachedTellsNoOtherAddress has an author whose certificate names addresses that the recipient need not know.
func TestAttachedTellsNoOtherAddress(t *testing.T) {
	w := newWorld(t)
	e, err := openpgp.NewEntity("", "", "alice@example.org", nil)
	if err == nil {
		err = e.AddUserId("", "", "private@example.org", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(&b)
	if err != nil || len(ring.Secrets) != 1 {
		t.Fatal(ring, err)
	}
	if w.signers["alice@example.org"], err = ring.Secrets[0].Signer(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	w.Config.Crypto.AttachKey = config.AttachAlways
	copies := w.all(t, letter(t), "erin@example.com")
	text := copies["erin@example.com"]
	h, _ := mail.SplitMessage([]byte(text))
	_, _, autocrypt := introduced(t, h.All("Autocrypt")[0])
	attached, err := crypto.ReadKeyring(strings.NewReader(text))
	if err != nil || len(attached.Certs) != 1 {
		t.Fatalf("%+v, %v\n%s", attached, err, text)
	}
	for _, c := range []*crypto.Cert{autocrypt, attached.Certs[0]} {
		if ids := c.UserIDs(); !slices.Equal(ids, []string{"<alice@example.org>"}) {
			t.Errorf("User IDs %q", ids)
		}
	}
}
