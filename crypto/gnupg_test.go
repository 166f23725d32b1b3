package crypto_test

import (
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/internal/lab/labtest"
)

// gnupg is the real gpg with a home of its own.
type gnupg struct {
	t    *testing.T
	home string
}

func newGnuPG(t *testing.T) *gnupg {
	t.Helper()
	return &gnupg{t: t, home: labtest.NewGnuPGHome(t)}
}

// run returns the output and the status lines of gpg, which must succeed.
func (g *gnupg) run(input []byte, args ...string) (out []byte, status string) {
	g.t.Helper()
	return labtest.GnuPG{Home: g.home, Now: now}.Run(g.t, input, args...)
}

// quickKey makes a key inside gpg.
func (g *gnupg) quickKey(userID, algorithm, passphrase string) {
	g.t.Helper()
	g.run(nil, "--passphrase", passphrase, "--quick-generate-key", userID, algorithm, "default", "never")
}

func (g *gnupg) exported(args ...string) []byte {
	g.t.Helper()
	out, _ := g.run(nil, args...)
	return out
}

func (g *gnupg) importCert(c *crypto.Cert) {
	g.t.Helper()
	g.run(c.Bytes(), "--import")
}

// decrypt opens a message, which must be signed by the given key.
func (g *gnupg) decrypt(message []byte, signedBy *crypto.Cert) []byte {
	g.t.Helper()
	payload, status := g.run(message, "--decrypt")
	for _, want := range []string{"[GNUPG:] DECRYPTION_OKAY", "[GNUPG:] GOODMDC", "[GNUPG:] VALIDSIG " + signedBy.Fingerprint()} {
		if !strings.Contains(status, want) {
			g.t.Errorf("gpg does not say %q:\n%s", want, status)
		}
	}
	return payload
}
