package keys_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/keys"
)

// TestImportOfARevocationCertificate takes the one that gpg keeps of a new key, between two certificates.
func TestImportOfARevocationCertificate(t *testing.T) {
	home := t.TempDir()
	t.Cleanup(func() { exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	out, err := exec.Command("gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", "",
		"--quick-generate-key", "ed@example.org", "future-default").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(home, "openpgp-revocs.d", "*.rev"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("\n:-----BEGIN"), []byte("\n-----BEGIN"), 1)
	all := importAll(t, newHost(t).local, keys.ImportOptions{}, armored(t, generate(t, "a@example.org", 0, 0).Cert()), text,
		armored(t, generate(t, "b@example.org", 0, 0).Cert()))
	if want := []string{"added", "refused", "added"}; !slices.Equal(outcomes(all), want) {
		t.Fatalf("%q, want %q", outcomes(all), want)
	}
	if all[1].Fingerprint+".rev" != filepath.Base(files[0]) || !strings.Contains(all[1].Err.Error(), "import that first") {
		t.Errorf("%s: %v", all[1].Fingerprint, all[1].Err)
	}
}
