package labtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NewGnuPGHome makes an empty home for the machine's own gpg, whose agent does not take the usual half a second for each
// use of a passphrase. It goes with the test, and so does whatever runs in it.
func NewGnuPGHome(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sealmilter-gpg-") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		out, err := exec.Command("gpgconf", "--homedir", dir, "--kill", "all").CombinedOutput()
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// GnuPG is the machine's own gpg with a home and a time.
type GnuPG struct {
	// Home is the folder, as [NewGnuPGHome] makes it.
	Home string
	// Now is what gpg takes for the present. It stands still, so that nothing is made after it on a busy machine.
	Now time.Time
}

// Run returns the output and the status lines of gpg (GnuPG's doc/DETAILS explains them), which must succeed. It asks
// nobody for a passphrase, and takes every key to be its owner's.
func (g GnuPG) Run(t testing.TB, input []byte, args ...string) (output []byte, status string) {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{
		"--homedir", g.Home, "--batch", "--no-tty", "--yes", "--status-fd", "2", "--trust-model", "always",
		"--pinentry-mode", "loopback", "--faked-system-time", g.Now.Format("20060102T150405!"),
	}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return output, stderr.String()
}
