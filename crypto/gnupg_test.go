package crypto_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
)

// gnupg is the real gpg with a home of its own.
type gnupg struct {
	t    *testing.T
	home string
}

func newGnuPG(t *testing.T) *gnupg {
	t.Helper()
	g := &gnupg{t: t, home: t.TempDir()}
	// The default makes each use of a passphrase take half a second.
	if err := os.WriteFile(filepath.Join(g.home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("gpgconf", "--homedir", g.home, "--kill", "all").CombinedOutput(); err != nil {
			t.Errorf("gpgconf: %v: %s", err, out)
		}
	})
	return g
}

// run returns the output and the status lines of gpg, which must succeed.
func (g *gnupg) run(input []byte, args ...string) (out []byte, status string) {
	g.t.Helper()
	args = append([]string{
		"--homedir", g.home, "--batch", "--no-tty", "--yes", "--status-fd", "2", "--trust-model", "always",
		"--pinentry-mode", "loopback", "--faked-system-time", now.Format("20060102T150405"),
	}, args...)
	cmd := exec.Command("gpg", args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, stderr.String()
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
