package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sealmilter/internal/store"
)

// TestInheritedClaims has a process end whose claims somebody else has inherited.
func TestInheritedClaims(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		dir := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		open := func() *store.Store {
			s, err := store.OpenWithState(t.Context(), database, dir)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		claims := func(s *store.Store, message string, want bool) {
			t.Helper()
			got, err := s.Claim(t.Context(), message)
			if err != nil || got != want {
				t.Errorf("claimed %s: %t, %v; want %t", message, got, err, want)
			}
		}
		first := open()
		for _, m := range []string{"kept", "freed", "freed as well"} {
			claims(first, m, true)
		}
		file, err := first.ClaimsFile()
		if err != nil {
			t.Fatal(err)
		}
		descriptor, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		inherited := os.NewFile(uintptr(descriptor), "inherited")
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}

		second := open()
		defer second.Close()
		claims(second, "kept", false)
		claims(second, "freed", false)
		claims(second, "new", true)
		if err := store.HoldClaims(inherited, []string{"kept", "released before", "new"}); err != nil {
			t.Fatal(err)
		}
		claims(second, "kept", false)
		claims(second, "released before", false)
		claims(second, "freed", true)
		claims(second, "freed as well", true)
		if err := inherited.Close(); err != nil {
			t.Fatal(err)
		}
		claims(second, "kept", true)
	})
}
