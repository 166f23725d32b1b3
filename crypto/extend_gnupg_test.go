package crypto_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
)

// listed returns the validity and expiry that gpg shows at a time for each primary key and subkey.
func (g *gnupg) listed(when time.Time) (all []string) {
	g.t.Helper()
	out, _ := g.run(nil, "--faked-system-time", when.Format("20060102T150405"), "--with-colons", "--list-keys")
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, ":"); f[0] == "pub" || f[0] == "sub" {
			all = append(all, f[1]+" "+f[6])
		}
	}
	return all
}

func secretOf(t *testing.T, b []byte) *crypto.SecretKey {
	t.Helper()
	ring, err := crypto.ReadKeyring(bytes.NewReader(b))
	if err != nil || len(ring.Secrets) != 1 {
		t.Fatalf("%+v, %v", ring, err)
	}
	return ring.Secrets[0]
}

// TestGnuPGTakesExtendedKeys extends keys that gpg has made, and ours, and gives both halves back to gpg.
func TestGnuPGTakesExtendedKeys(t *testing.T) {
	gpgMade := func(t *testing.T, algorithm, usage string) *crypto.SecretKey {
		g := newGnuPG(t)
		g.run(nil, "--passphrase", "", "--cert-notation", "proof@example.org=of identity", "--quick-generate-key",
			"Greta <greta@example.org>", algorithm, usage, "10d")
		fingerprint := secretOf(t, g.exported("--export-secret-keys")).Fingerprint()
		g.run(nil, "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "10d")
		g.run(nil, "--passphrase", "", "--quick-add-key", fingerprint, algorithm, "sign", "10d")
		g.run(nil, "--quick-add-uid", fingerprint, "Greta II <greta2@example.org>")
		return secretOf(t, g.exported("--export-secret-keys"))
	}
	for _, tc := range []struct {
		name     string
		key      func(*testing.T) *crypto.SecretKey
		expiries []bool // of the primary key and each subkey: whether it has one
		notation bool
	}{
		{"ours", func(t *testing.T) *crypto.SecretKey {
			k, err := crypto.Generate(address(t, "a@example.org"), crypto.GenerateOptions{Now: now.Add(-day), Rand: random(), Lifetime: 10 * day})
			if err != nil {
				t.Fatal(err)
			}
			return k
		}, []bool{true, false}, false},
		{"Ed25519 by gpg", func(t *testing.T) *crypto.SecretKey { return gpgMade(t, "ed25519", "cert,sign") }, []bool{true, true, true}, true},
		{"RSA by gpg", func(t *testing.T) *crypto.SecretKey { return gpgMade(t, "rsa2048", "cert") }, []bool{true, true, true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old := tc.key(t)
			g := newGnuPG(t)
			g.run(old.Cert().Bytes(), "--import")
			k := extend(t, old, nextYear, now.Add(time.Minute))
			later := nextYear.Add(-day)
			stamp := later.Format("20060102T150405")
			g.run(k.Cert().Bytes(), "--faked-system-time", stamp, "--import")
			var want []string
			for _, expires := range tc.expiries {
				want = append(want, "- ")
				if expires {
					want[len(want)-1] += strconv.FormatInt(nextYear.Unix(), 10)
				}
			}
			if shown := g.listed(later); !slices.Equal(shown, want) {
				t.Errorf("gpg shows %q, want %q", shown, want)
			}
			b, err := k.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			g.run(b, "--faked-system-time", stamp, "--import")
			sealed, _ := g.run([]byte("hello"), "--faked-system-time", stamp, "--sign", "--encrypt",
				"--local-user", k.Fingerprint(), "--recipient", k.Fingerprint())
			plain, status := g.run(sealed, "--faked-system-time", stamp, "--decrypt")
			if string(plain) != "hello" || !strings.Contains(status, "GOODSIG") {
				t.Errorf("%q\n%s", plain, status)
			}
			if notations, _ := g.run(nil, "--faked-system-time", stamp, "--list-options", "show-notations", "--check-sigs"); tc.notation !=
				strings.Contains(string(notations), "proof@example.org=of identity") {
				t.Errorf("notations: %s", notations)
			}
		})
	}
}

// TestGnuPGTakesRevocationCertificates revokes a key in gpg by the certificate that was made at its birth.
func TestGnuPGTakesRevocationCertificates(t *testing.T) {
	k := generate(t, "a@example.org")
	text, err := k.RevocationCertificate(now, random())
	if err != nil {
		t.Fatal(err)
	}
	usable := []byte(strings.Replace(string(text), "\n:-----", "\n-----", 1))
	for _, known := range []bool{true, false} {
		g := newGnuPG(t)
		if known {
			g.run(k.Cert().Bytes(), "--import")
		}
		g.run(usable, "--import")
		if shown := g.listed(now); !strings.HasPrefix(shown[0], "r") {
			t.Errorf("known before: %t: gpg shows %q", known, shown)
		}
	}
}
