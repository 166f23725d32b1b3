package pgpmime_test

import (
	"crypto/rand"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// now is the time at which keys are made and used.
var now = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

func realComposer() *pgpmime.Composer {
	c := composer(&crypto.Sealer{Now: func() time.Time { return now }, Rand: rand.Reader})
	c.Rand = rand.Reader
	return c
}

func generate(t testing.TB, addr string) *crypto.SecretKey {
	t.Helper()
	a, err := mail.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.Generate(a, crypto.GenerateOptions{Now: now.Add(-time.Hour), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signer(t testing.TB, key *crypto.SecretKey) *crypto.Signer {
	t.Helper()
	s, err := key.Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newGnuPG returns the real gpg with a home of its own, which holds these keys.
func newGnuPG(t *testing.T, keys ...*crypto.SecretKey) labtest.GnuPG {
	t.Helper()
	g := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: now}
	for _, key := range keys {
		b, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		g.Run(t, b, "--import")
	}
	return g
}

// container cuts a composed message at its boundary, as raw as a verifier needs the parts, and checks the parts with
// the standard library's reader.
func container(t *testing.T, c *pgpmime.Copy, typ string, params map[string]string) (parts []string) {
	t.Helper()
	if n := len(c.Header.All("MIME-Version")); n != 1 {
		t.Errorf("%d fields MIME-Version", n)
	}
	got, gotParams, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || got != typ {
		t.Fatalf("type %q, %v", got, err)
	}
	for name, want := range params {
		if gotParams[name] != want {
			t.Errorf("%s is %q, want %q", name, gotParams[name], want)
		}
	}
	body := render(t, c)
	pieces := strings.Split("\r\n"+body, "\r\n--"+gotParams["boundary"])
	if len(pieces) != 4 || pieces[0] != "" || pieces[3] != "--\r\n" {
		t.Fatalf("not two parts without preamble and epilogue:\n%s", body)
	}
	r := multipart.NewReader(strings.NewReader(body), gotParams["boundary"])
	for _, piece := range pieces[1:3] {
		raw := strings.TrimPrefix(piece, "\r\n")
		part, err := r.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil || !strings.HasSuffix(raw, "\r\n\r\n"+string(content)) {
			t.Errorf("the part is read as\n%s\nbut is\n%s", content, raw)
		}
		parts = append(parts, raw)
	}
	return parts
}

// TestGnuPGReadsDisplayedFields has the real gpg decrypt a copy whose text differs from that of signed copies.
func TestGnuPGReadsDisplayedFields(t *testing.T) {
	bob := generate(t, "bob@example.net")
	for _, m := range []*mail.Message{
		parseMessage("From: Alice <alice@example.org>\nSubject: plans\n\ntext\n"),
		parseMessage("From: Alice <alice@example.org>\nSubject: plans\nContent-Type: text/html\n\n" + strings.Repeat("<p>long</p>\n", 20_000)),
	} {
		c := realComposer()
		c.Confidentiality, c.LegacyDisplay = pgpmime.Shy, true
		_, want := composeEncrypted(t, *c, m)
		draft, err := c.Prepare(m)
		if err != nil {
			t.Fatal(err)
		}
		copies, err := draft.Encrypt(nil, []pgpmime.Reader{{Cert: bob.Cert()}}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		parts := container(t, copies[0], "multipart/encrypted", map[string]string{"protocol": "application/pgp-encrypted"})
		_, armored, _ := strings.Cut(parts[1], "\r\n\r\n")
		payload, _ := newGnuPG(t, bob).Run(t, []byte(armored), "--decrypt")
		if _, body, _ := strings.Cut(want, "\r\n\r\n"); string(payload) != want || !strings.Contains(body, "Subject: plans") {
			t.Errorf("the decrypted payload is\n%.2000q\nwant\n%.2000q", payload, want)
		}
	}
}

// TestGnuPGReadsCopies has the real gpg verify and decrypt copies of every golden case.
func TestGnuPGReadsCopies(t *testing.T) {
	alice, bob, eve := generate(t, "alice@example.org"), generate(t, "bob@example.net"), generate(t, "eve@example.com")
	alices, bobs, eves := newGnuPG(t, alice), newGnuPG(t, bob), newGnuPG(t, eve)
	for _, g := range []labtest.GnuPG{bobs, eves} {
		g.Run(t, alice.Cert().Bytes(), "--import")
	}
	valid := "[GNUPG:] VALIDSIG " + alice.Fingerprint()
	cases, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, eml := range cases {
		t.Run(filepath.Base(eml), func(t *testing.T) {
			text, err := os.ReadFile(eml)
			if err != nil {
				t.Fatal(err)
			}
			wantSigned, wantEncrypted := prepare(t, parseMessage(string(text)))
			draft, err := realComposer().Prepare(parseMessage(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			signed, err := draft.Sign(signer(t, alice), false)
			if err != nil {
				t.Fatal(err)
			}
			encrypted, err := draft.Encrypt(signer(t, alice),
				[]pgpmime.Reader{{Cert: bob.Cert()}, {Cert: eve.Cert(), Hidden: true}}, crypto.EncryptOptions{Share: true})
			if err != nil {
				t.Fatal(err)
			}

			parts := container(t, signed, "multipart/signed", map[string]string{
				"protocol": "application/pgp-signature", "micalg": "pgp-sha256",
			})
			if parts[0] != wantSigned {
				t.Errorf("the signed part is\n%q\nwant\n%q", parts[0], wantSigned)
			}
			_, signature, _ := strings.Cut(parts[1], "\r\n\r\n")
			dir := t.TempDir()
			for name, content := range map[string]string{"payload": parts[0], "signature": signature} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, status := alices.Run(t, nil, "--verify", filepath.Join(dir, "signature"), filepath.Join(dir, "payload"))
			// The fields behind the fingerprint: date, time, expiry, version, reserved, algorithm, hash (8 is SHA-256),
			// class.
			if !strings.Contains(status, valid) || !strings.Contains(status, " 8 00 ") {
				t.Errorf("the signature is not a valid one of the hash that micalg tells:\n%s", status)
			}

			for _, tc := range []struct {
				gnupg  labtest.GnuPG
				copies []*pgpmime.Copy
			}{{bobs, encrypted[:1]}, {eves, encrypted[1:]}} {
				parts := container(t, tc.copies[0], "multipart/encrypted", map[string]string{"protocol": "application/pgp-encrypted"})
				if !strings.HasPrefix(parts[0], "Content-Type: application/pgp-encrypted\r\n") ||
					!strings.HasSuffix(parts[0], "\r\n\r\nVersion: 1\r\n") {
					t.Errorf("the control part is\n%s", parts[0])
				}
				_, armored, _ := strings.Cut(parts[1], "\r\n\r\n")
				payload, status := tc.gnupg.Run(t, []byte(armored), "--decrypt")
				if !strings.Contains(status, valid) {
					t.Errorf("not a valid signature:\n%s", status)
				}
				if string(payload) != wantEncrypted {
					t.Errorf("the decrypted payload is\n%q\nwant\n%q", payload, wantEncrypted)
				}
			}
		})
	}
}
