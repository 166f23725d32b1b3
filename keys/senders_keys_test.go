package keys_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"sealmilter/crypto"
	"sealmilter/keys"
)

func TestSendersListExportRemove(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	h.passphrase = []byte("at rest")
	daemon := h.process(t)
	alice, bob, carol := generate(t, "alice@example.org", 0, 0), generate(t, "bob@example.org", 0, 0), generate(t, "carol@example.org", 0, 0)
	importAll(t, h.senders, keys.ImportOptions{For: mailAddrs(t, "office@example.org")}, armored(t, alice))
	importAll(t, h.senders, keys.ImportOptions{}, armored(t, bob))
	if err := os.Chmod(h.secretFile(bob.Fingerprint()), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := h.senders.List(ctx)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for i, want := range []string{"alice@example.org", "bob@example.org", "office@example.org"} {
		readable := want != "bob@example.org"
		if k := list[i]; k.Address != want || !k.Created.Equal(noon) || (k.Err == nil) != readable || k.Locked != readable || (k.Cert != nil) != readable {
			t.Errorf("%+v, want %s", k, want)
		}
	}

	for _, which := range []string{"office@example.org", alice.Fingerprint()} {
		var out bytes.Buffer
		if err := h.senders.Export(ctx, &out, which); err != nil {
			t.Fatal(err)
		}
		ring, err := crypto.ReadKeyring(&out)
		if err != nil || len(ring.Secrets) != 1 || !ring.Secrets[0].Locked() || ring.Secrets[0].Fingerprint() != alice.Fingerprint() {
			t.Errorf("exported %+v, %v", ring, err)
		}
	}

	if _, err := daemon.signs(t, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := h.senders.Remove(ctx, "office@example.org"); err != nil {
		t.Error(err)
	}
	if fingerprint, err := daemon.signs(t, "alice@example.org"); fingerprint != alice.Fingerprint() {
		t.Errorf("the other address lost its key: %v", err)
	}
	if err := h.senders.Remove(ctx, "alice@example.org"); err != nil {
		t.Error(err)
	}
	if err := h.senders.Remove(ctx, bob.Fingerprint()); err != nil {
		t.Error(err)
	}
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, carol))
	if _, err := daemon.signs(t, "carol@example.org"); err != nil || keys.Unlocked(daemon.senders) != 1 {
		t.Errorf("%d keys unlocked in memory, %v", keys.Unlocked(daemon.senders), err)
	}
	for _, address := range []string{"alice@example.org", "office@example.org", "bob@example.org"} {
		if _, err := daemon.signs(t, address); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s: %v", address, err)
		}
		if err := h.senders.Remove(ctx, address); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s again: %v", address, err)
		}
	}
	if files := h.secretFiles(t); files != 1 {
		t.Errorf("%d files are left", files)
	}
	if _, err := h.local.Get(ctx, "alice@example.org"); err != nil {
		t.Errorf("the certificate went with the secret key: %v", err)
	}
}
