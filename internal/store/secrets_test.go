package store_test

import (
	"errors"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func TestSecrets(t *testing.T) {
	ctx := t.Context()
	s := open(t, private(t))
	for _, err := range []error{
		func() error { _, err := s.Secret(ctx, "AA"); return err }(),
		func() error { _, err := s.SecretRevision(ctx, "AA"); return err }(),
		func() error { _, err := s.SecretRevocation(ctx, "AA"); return err }(),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nothing there: %v", err)
		}
	}
	revisions := make(map[int64]bool)
	for i, blob := range []string{"one", "two", "two"} {
		at := noon.Add(time.Duration(i) * time.Hour)
		update(t, s, func(tx *store.KeyTx) error {
			return errors.Join(tx.PutSecret(ctx, "AA", []byte(blob), at), tx.PutSecretRevocation(ctx, "AA", "revoked "+blob))
		})
		secret, err := s.Secret(ctx, "AA")
		if err != nil || string(secret.Blob) != blob || secret.Fingerprint != "AA" || !secret.Changed.Equal(at) {
			t.Errorf("%+v, %v", secret, err)
		}
		if revision, err := s.SecretRevision(ctx, "AA"); err != nil || revision != secret.Revision || revisions[revision] {
			t.Errorf("revision %d after %v, %v", revision, revisions, err)
		}
		revisions[secret.Revision] = true
	}
	for _, want := range []bool{true, false} {
		update(t, s, func(tx *store.KeyTx) error {
			if found, err := tx.RemoveSecret(ctx, "AA"); found != want || err != nil {
				t.Errorf("removed: %t, %v", found, err)
			}
			return nil
		})
	}
	if _, err := s.Secret(ctx, "AA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after removal: %v", err)
	}
	if text, err := s.SecretRevocation(ctx, "AA"); text != "revoked one" || err != nil {
		t.Errorf("revocation %q, %v", text, err)
	}
}

func TestSenderOrigin(t *testing.T) {
	ctx := t.Context()
	s := open(t, private(t))
	update(t, s, func(tx *store.KeyTx) error {
		for _, tc := range []struct {
			fingerprint      string
			generated, known bool
		}{{"AA", true, false}, {"AA", false, true}, {"BB", false, false}} {
			if known, err := tx.SetSenderOrigin(ctx, tc.fingerprint, tc.generated); err != nil || known != tc.known {
				t.Errorf("%+v: known %t, %v", tc, known, err)
			}
		}
		return nil
	})
	for fingerprint, want := range map[string]bool{"AA": true, "BB": false, "CC": false} {
		if got, err := s.SenderGenerated(ctx, fingerprint); got != want || err != nil {
			t.Errorf("%s: %t, %v", fingerprint, got, err)
		}
	}
}
