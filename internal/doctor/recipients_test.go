package doctor

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// TestRecipients warns of imported certificates that end, and tells of those that a source still has to answer for.
func TestRecipients(t *testing.T) {
	const day = 24 * time.Hour
	c := config.Default()
	c.State = filepath.Join(t.TempDir(), "state")
	i, err := premises.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	stored := func(address string, lifetime time.Duration) *crypto.Cert {
		t.Helper()
		to, err := mail.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := crypto.Generate(to, crypto.GenerateOptions{Now: time.Now().Add(-20 * day), Lifetime: lifetime, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Local.Import(t.Context(), bytes.NewReader(secret.Cert().Bytes()), keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
			t.Fatal(err)
		}
		return secret.Cert()
	}
	finds := func(want string) {
		t.Helper()
		r, found := collected()
		r.recipients(t.Context(), i)
		wantLine(t, *found, want)
	}
	finds("")
	stored("ever@example.net", 0)
	finds("ok recipients: addresses with a certificate: 1")
	elsewhere := stored("wkd@example.net", 40*day)
	if err := i.Store.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		return tx.SetPin(t.Context(), store.Pin{Address: "wkd@example.net", Fingerprint: elsewhere.Fingerprint(), Source: "wkd"})
	}); err != nil {
		t.Fatal(err)
	}
	finds("ok recipients: addresses with a certificate: 2; 1 from elsewhere are certificates that end within 30 days")
	stored("soon@example.net", 40*day)
	stored("over@example.net", 10*day)
	finds("warning recipients: addresses with a certificate: 4; 1 from elsewhere are certificates that end within 30 days or cannot be used, " +
		"and are asked for anew; 2 imported ones are ")
}
