package keys_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"sealmilter/keys"
)

// TestOneMoment has another process change keys between the lookups of one decision, and after them.
func TestOneMoment(t *testing.T) {
	h := newHost(t)
	other := h.process(t)
	rita := addr(t, "rita@example.org")
	importOne(t, h.local, keys.ImportOptions{}, armored(t, readCert(t, "rita.asc")))
	first, second := generate(t, "alice@example.org", 0, 0), generate(t, "alice@example.org", 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, first))
	d := h.directory(h.local)
	is := func(ctx context.Context, status keys.Status, signer string) {
		t.Helper()
		if a := d.Lookup(ctx, rita); a.Status != status {
			t.Errorf("rita: %+v, want %v", a, status)
		}
		if s, err := h.senders.Signer(ctx, addr(t, "alice@example.org")); err != nil || s.Cert().Fingerprint() != signer {
			t.Errorf("alice: %v, %v, want %s", s, err, signer)
		}
	}
	is(t.Context(), keys.Found, first.Fingerprint())
	before := keys.AtOneMoment(t.Context())
	is(before, keys.Found, first.Fingerprint())
	importOne(t, other.local, keys.ImportOptions{}, armored(t, readCert(t, "rita-revoked.asc")))
	importOne(t, other.senders, keys.ImportOptions{}, armored(t, second))
	is(before, keys.Found, first.Fingerprint())
	is(keys.AtOneMoment(t.Context()), keys.None, second.Fingerprint())
	is(t.Context(), keys.None, second.Fingerprint())
}

// TestMomentBeginsWithTheFirstLookup and not when the context is made.
func TestMomentBeginsWithTheFirstLookup(t *testing.T) {
	h := newHost(t)
	rita := addr(t, "rita@example.org")
	importOne(t, h.local, keys.ImportOptions{}, armored(t, readCert(t, "rita.asc")))
	d := h.directory(h.local)
	if a := d.Lookup(t.Context(), rita); a.Status != keys.Found {
		t.Fatal(a)
	}
	moment := keys.AtOneMoment(t.Context())
	importOne(t, h.process(t).local, keys.ImportOptions{}, armored(t, readCert(t, "rita-revoked.asc")))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := d.Lookup(moment, rita); a.Status != keys.None {
				t.Errorf("%+v", a)
			}
		})
	}
	all.Wait()
}

// TestMomentWithoutTheStore asks that a failure is not remembered, and no leave to send clear text.
func TestMomentWithoutTheStore(t *testing.T) {
	h := newHost(t)
	d := h.directory(h.local)
	ended, cancel := context.WithCancel(t.Context())
	h.store.Close()
	moment := keys.AtOneMoment(ended)
	cancel()
	if a := d.Lookup(moment, addr(t, "rita@example.org")); a.Status != keys.Unknown || !a.SeenBefore {
		t.Errorf("%+v", a)
	}
	if _, err := h.senders.Signer(moment, addr(t, "rita@example.org")); err == nil || errors.Is(err, keys.ErrNoSecretKey) {
		t.Errorf("signer: %v", err)
	}
}

// TestKeyMadeWithinAMoment is for senders who get a key when they first send.
func TestKeyMadeWithinAMoment(t *testing.T) {
	h := newHost(t)
	alice, moment := addr(t, "alice@example.org"), keys.AtOneMoment(t.Context())
	if _, err := h.senders.Signer(moment, alice); !errors.Is(err, keys.ErrNoSecretKey) {
		t.Fatal(err)
	}
	made, err := h.senders.Generate(moment, alice, keys.GenerateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := h.senders.Signer(moment, alice); err != nil || s.Cert().Fingerprint() != made.Fingerprint {
		t.Errorf("%v, %v", s, err)
	}
}
