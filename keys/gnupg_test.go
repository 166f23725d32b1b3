package keys_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// importHome imports a whole home and returns what was reported, by User ID and kind.
func (h *host) importHome(t testing.TB, home gnupgHome, passphrase []byte) (map[string]keys.Imported, error) {
	t.Helper()
	ring, err := keys.GnuPG(t.Context(), string(home), keys.GnuPGOptions{Passphrase: passphrase})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]keys.Imported)
	err = h.senders.Import(t.Context(), ring, keys.ImportOptions{Passphrase: passphrase}, func(i keys.Imported) {
		name := strings.Join(i.UserIDs, ",")
		if i.Secret {
			name = "secret " + name
		}
		found[name] = i
	})
	return found, errors.Join(err, ring.Close())
}

func TestGnuPG(t *testing.T) {
	const locked, other = "Ann <ann@example.org>", "Bob <bob@example.org>"
	home := newGnuPGHome(t)
	home.quickKey(t, locked, "correct horse")
	out, err := fastOther(t, other).Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := home.command(t.Context(), "--import")
	cmd.Stdin = strings.NewReader(string(out))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(string(home), "gpg.conf"), []byte("armor\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ran := range []bool{false, true} {
		if !ran {
			home.endAgent(t)
		} else if out, err := home.command(t.Context(), "--list-secret-keys").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		h := newHost(t)
		h.clock.advance(10 * 365 * day)
		found, err := h.importHome(t, home, []byte("correct horse"))
		if err != nil {
			t.Error(err)
		}
		if len(found) != 3 || found[locked].Outcome != keys.Added || found[other].Outcome != keys.Added || found["secret "+locked].Outcome != keys.Added {
			t.Errorf("%+v", found)
		}
		if fingerprint, err := h.signs(t, "ann@example.org"); fingerprint != found["secret "+locked].Fingerprint || err != nil {
			t.Errorf("signs with %q, %v", fingerprint, err)
		}
		if runs := home.agentRuns(t); runs != ran {
			t.Errorf("the agent ran: %t, runs: %t", ran, runs)
		}
	}
}

// fastOther returns a command that exports the certificate of a key in another home.
func fastOther(t testing.TB, userID string) *exec.Cmd {
	other := newGnuPGHome(t)
	other.quickKey(t, userID, "")
	return other.command(t.Context(), "--export")
}

// TestGnuPGThatIsKilled asks that a key which may be cut short is not taken.
func TestGnuPGThatIsKilled(t *testing.T) {
	home := newGnuPGHome(t)
	home.quickKey(t, "Ann <ann@example.org>", "")
	program := filepath.Join(t.TempDir(), "gpg")
	script := "#!/bin/sh\ngpg --homedir " + string(home) + " --export\nkill -9 $$\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.GnuPG(t.Context(), string(home), keys.GnuPGOptions{Program: program})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t)
	h.clock.advance(10 * 365 * day)
	err = h.senders.Import(t.Context(), ring, keys.ImportOptions{}, func(i keys.Imported) {
		if i.Outcome != keys.Refused {
			t.Errorf("%+v", i)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
}

// TestGnuPGWithTheWrongPassphrase asks that the certificates come all the same.
func TestGnuPGWithTheWrongPassphrase(t *testing.T) {
	home := newGnuPGHome(t)
	home.quickKey(t, "Ann <ann@example.org>", "correct horse")
	home.endAgent(t) // it remembers the passphrase
	h := newHost(t)
	h.clock.advance(10 * 365 * day)
	found, err := h.importHome(t, home, []byte("battery staple"))
	if err == nil || !strings.Contains(err.Error(), "gpg --export-secret-keys") || strings.Contains(err.Error(), "staple") {
		t.Errorf("%v", err)
	}
	if len(found) != 1 || found["Ann <ann@example.org>"].Outcome != keys.Added {
		t.Errorf("%+v", found)
	}
}

func TestGnuPGOfAnEmptyHome(t *testing.T) {
	h := newHost(t)
	if found, err := h.importHome(t, newGnuPGHome(t), nil); !errors.Is(err, crypto.ErrNoKeys) || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestGnuPGClosedEarly(t *testing.T) {
	home := newGnuPGHome(t)
	home.quickKey(t, "Ann <ann@example.org>", "")
	home.endAgent(t)
	ring, err := keys.GnuPG(t.Context(), string(home), keys.GnuPGOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ring, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
	if n, err := ring.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("after Close: %d, %v", n, err)
	}
	if home.agentRuns(t) {
		t.Error("the agent runs")
	}
}

func TestGnuPGRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for home, want := range map[string]string{missing: "no such file", file: "not a folder"} {
		if _, err := keys.GnuPG(t.Context(), home, keys.GnuPGOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a home was made: %v", err)
	}
	if _, err := keys.GnuPG(t.Context(), t.TempDir(), keys.GnuPGOptions{Passphrase: []byte("two\nlines")}); err == nil {
		t.Error("gpg would see the first line only")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := keys.GnuPG(t.Context(), t.TempDir(), keys.GnuPGOptions{}); !errors.Is(err, keys.ErrNoGnuPG) {
		t.Errorf("without gpg: %v", err)
	}
}
