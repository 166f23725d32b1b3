package keys_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// in returns what another process has open of the state directory that keeps secret keys in a place.
func (h *host) in(t testing.TB, place keys.SecretPlace) *host {
	t.Helper()
	h = h.process(t)
	h.place = place
	return h.process(t)
}

// TestSecretsInDatabase goes through the life of a key in the database, with two processes.
func TestSecretsInDatabase(t *testing.T) {
	ctx := t.Context()
	a := newHost(t)
	a.passphrase = []byte("at rest")
	a = a.in(t, keys.InDatabase)
	b := a.process(t)
	made, err := a.senders.Generate(ctx, addr(t, "alice@example.org"), keys.GenerateOptions{})
	if err != nil || !made.Locked {
		t.Fatal(made, err)
	}
	bob := generate(t, "bob@example.org", 0, 0)
	for _, want := range []keys.Outcome{keys.Added, keys.Unchanged} {
		if i := importOne(t, a.senders, keys.ImportOptions{}, armored(t, bob)); i.Outcome != want || i.Unprotected {
			t.Errorf("%+v, want %v", i, want)
		}
	}
	for address, want := range map[string]string{"alice@example.org": made.Fingerprint, "bob@example.org": bob.Fingerprint()} {
		if fingerprint, err := b.signs(t, address); fingerprint != want || err != nil {
			t.Errorf("%s: %s, %v", address, fingerprint, err)
		}
	}
	if _, err := os.Stat(a.dir + "/secret"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there are files: %v", err)
	}
	list, err := b.senders.List(ctx)
	if err != nil || len(list) != 2 || list[0].Err != nil || !list[0].Locked || list[0].Fingerprint != made.Fingerprint {
		t.Errorf("%+v, %v", list, err)
	}
	var out bytes.Buffer
	if err := b.senders.Export(ctx, &out, "bob@example.org"); err != nil {
		t.Error(err)
	}
	ring, err := crypto.ReadKeyring(&out)
	if err != nil || len(ring.Secrets) != 1 || !ring.Secrets[0].Locked() {
		t.Errorf("exported %+v, %v", ring, err)
	}
	if err := a.senders.Remove(ctx, "bob@example.org"); err != nil {
		t.Error(err)
	}
	if _, err := b.signs(t, "bob@example.org"); !errors.Is(err, keys.ErrNoSecretKey) {
		t.Errorf("after removal: %v", err)
	}
	if _, err := b.signs(t, "alice@example.org"); err != nil || keys.Unlocked(b.senders) != 1 {
		t.Errorf("%d keys in memory, %v", keys.Unlocked(b.senders), err)
	}
	if _, err := a.store.Secret(ctx, bob.Fingerprint()); err == nil {
		t.Error("the removed key is in the database")
	}
}

// TestSignersInDatabaseAreUnlockedOnce asks that changes of other keys do not cost a key its place in memory.
func TestSignersInDatabaseAreUnlockedOnce(t *testing.T) {
	h := newHost(t)
	h.passphrase = []byte("at rest")
	h = h.in(t, keys.InDatabase)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.signs(t, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 0).Cert()))
	h.passphrase = []byte("changed")
	if _, err := h.signs(t, "alice@example.org"); err != nil {
		t.Errorf("it was unlocked again: %v", err)
	}
}

func TestDatabaseTakesNoUnprotectedSecret(t *testing.T) {
	h := newHost(t).in(t, keys.InDatabase)
	key := generate(t, "alice@example.org", 0, 0)
	if i := importOne(t, h.senders, keys.ImportOptions{}, armored(t, key)); i.Outcome != keys.Refused || !errors.Is(i.Err, keys.ErrUnprotected) {
		t.Errorf("%+v", i)
	}
	if _, err := h.senders.Generate(t.Context(), addr(t, "bob@example.org"), keys.GenerateOptions{}); !errors.Is(err, keys.ErrUnprotected) {
		t.Errorf("generated: %v", err)
	}
	for _, address := range []string{"alice@example.org", "bob@example.org"} {
		if _, err := h.signs(t, address); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := h.store.Secret(t.Context(), key.Fingerprint()); err == nil {
		t.Error("the refused key is in the database")
	}
}

// TestSecretInTheOtherPlace has the configuration changed when there are keys.
func TestSecretInTheOtherPlace(t *testing.T) {
	for _, tc := range []struct {
		from, to keys.SecretPlace
		want     string
	}{
		{keys.InFiles, keys.InDatabase, "sealmilter keys import "},
		{keys.InDatabase, keys.InFiles, `secrets = "database"`},
	} {
		h := newHost(t)
		h.passphrase = []byte("at rest")
		before, after := h.in(t, tc.from), h.in(t, tc.to)
		key := generate(t, "alice@example.org", 0, 0)
		importOne(t, before.senders, keys.ImportOptions{}, armored(t, key))
		_, err := after.signs(t, "alice@example.org")
		if err == nil || errors.Is(err, keys.ErrNoSecretKey) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
		list, err := after.senders.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Err == nil || !strings.Contains(list[0].Err.Error(), tc.want) {
			t.Errorf("%+v, %v", list, err)
		}
		var exported bytes.Buffer
		if err := before.senders.Export(t.Context(), &exported, "alice@example.org"); err != nil {
			t.Fatal(err)
		}
		if i := importOne(t, after.senders, keys.ImportOptions{}, exported.Bytes()); i.Outcome != keys.Added {
			t.Errorf("imported into the new place: %+v", i)
		}
		if fingerprint, err := after.signs(t, "alice@example.org"); fingerprint != key.Fingerprint() || err != nil {
			t.Errorf("then signs with %s, %v", fingerprint, err)
		}
	}
}
