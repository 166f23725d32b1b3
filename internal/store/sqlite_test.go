package store_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/store"
)

func TestOpenKeepsOthersOut(t *testing.T) {
	file := private(t)
	s := open(t, file)
	update(t, s, func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon) })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, file string) (instead string)
		want    string
	}{
		{"no directory", func(t *testing.T, file string) string {
			return filepath.Join(filepath.Dir(file), "missing", "sealmilter.db")
		}, "create the directory"},
		{"directory that nobody may write to", func(t *testing.T, file string) string {
			return "/sys/kernel/sealmilter.db" // not even root may
		}, "open database /sys/kernel/sealmilter.db: "},
		{"directory that all may write to", func(t *testing.T, file string) string {
			chmod(t, filepath.Dir(file), 0o777)
			return file
		}, "chmod 0700"},
		{"file that others may read", func(t *testing.T, file string) string {
			open(t, file).Close()
			chmod(t, file, 0o640)
			return file
		}, "chmod 0600"},
		{"directory in the place of the file", func(t *testing.T, file string) string {
			return filepath.Dir(file)
		}, "not a regular file"},
		{"log that cannot be opened", func(t *testing.T, file string) string {
			open(t, file).Close()
			if err := os.Mkdir(file+"-wal", 0o700); err != nil {
				t.Fatal(err)
			}
			return file
		}, "may write to both"},
		{"not a database", func(t *testing.T, file string) string {
			write(t, file, []byte(strings.Repeat("not a database\n", 500)))
			return file
		}, "restore it from a backup"},
		{"damaged database", func(t *testing.T, file string) string {
			open(t, file).Close()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < len(b); i++ { // the header of the file stays
				b[i] = 0xA5
			}
			write(t, file, b)
			return file
		}, "restore it from a backup"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := tc.prepare(t, private(t))
			s, err := store.Open(t.Context(), file)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("error %q does not say %q and %s", err, tc.want, file)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
