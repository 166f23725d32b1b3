package keys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/keys"
)

func TestReadPassphrase(t *testing.T) {
	for _, tc := range []struct {
		content string
		mode    fs.FileMode
		want    string
		err     string
	}{
		{"correct horse\n", 0o600, "correct horse", ""},
		{"correct horse", 0o400, "correct horse", ""},
		{"correct horse\r\n", 0o640, "correct horse", ""},
		{" correct horse \n\n", 0o600, " correct horse \n", ""},
		{"Pferd für Jörg\n", 0o600, "Pferd für Jörg", ""},
		{"", 0o600, "", "is empty"},
		{"\n", 0o600, "", "is empty"},
		{strings.Repeat("x", 5000), 0o600, "", "longer than"},
		{"correct horse\n", 0o644, "", "chmod 0600"},
		{"correct horse\n", 0o660, "", "chmod 0600"},
	} {
		file := filepath.Join(t.TempDir(), "passphrase")
		if err := errors.Join(os.WriteFile(file, []byte(tc.content), 0o600), os.Chmod(file, tc.mode)); err != nil {
			t.Fatal(err)
		}
		got, err := keys.ReadPassphrase(file, "sealmilter")
		if string(got) != tc.want || (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%.20q with mode %o: %q, %v, want %q, %q", tc.content, tc.mode, got, err, tc.want, tc.err)
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("the passphrase is in the error %v", err)
		}
	}
	if _, err := keys.ReadPassphrase(filepath.Join(t.TempDir(), "missing"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a configured file that is missing: %v", err)
	}
}

func TestReadPassphraseFromCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if got, err := keys.ReadPassphrase("", "sealmilter"); got != nil || err != nil {
		t.Errorf("without systemd: %q, %v", got, err)
	}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if got, err := keys.ReadPassphrase("", "sealmilter"); got != nil || err != nil {
		t.Errorf("without the credential: %q, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sealmilter"), []byte("from systemd\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.ReadPassphrase("", "sealmilter"); string(got) != "from systemd" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("from the file"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.ReadPassphrase(file, "sealmilter"); string(got) != "from the file" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := keys.ReadPassphrase(filepath.Join(dir, "missing"), "sealmilter"); got != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %q, %v", got, err)
	}
}
