package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/store"
)

// lookUp asks whatever a lookup of a key asks.
func lookUp(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	_, pin := s.Pin(ctx, "a@example.org")
	_, certificate := s.Certificate(ctx, "A")
	_, given := s.CertificatesFor(ctx, "a@example.org", "local")
	_, services := s.Services(ctx, "A")
	_, said := s.Lookup(ctx, "a@example.org", "wkd")
	_, service := s.KeyService(ctx, "example.org", "wkd")
	_, serves := s.Serves(ctx, "example.org")
	_, seen := s.Seen(ctx, "a@example.org")
	_, conflicts := s.Conflicts(ctx, "a@example.org")
	_, sender := s.Sender(ctx, "a@example.org")
	for _, err := range []error{pin, certificate, given, services, said, service, serves, seen, conflicts, sender} {
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
}

// TestLookupsGoByIndex asks that no lookup goes over a table, which would take longer with each certificate.
func TestLookupsGoByIndex(t *testing.T) {
	s := open(t, private(t))
	lookUp(t, s)
	plans, err := s.Plans(t.Context())
	if err != nil || len(plans) != 10 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	for text, plan := range plans {
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN ") && step != "SCAN CONSTANT ROW" {
				t.Errorf("%s: %s", text, step)
			}
		}
	}
}

// TestPreparedQueries has many connections use the same statements for the first time at once, and then with a table that is
// another one than when they were planned.
func TestPreparedQueries(t *testing.T) {
	s := open(t, private(t))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { lookUp(t, s) })
	}
	all.Wait()
	if err := s.Exec(t.Context(), `ALTER TABLE pin ADD COLUMN more TEXT; DROP INDEX pin_refresh`); err != nil {
		t.Fatal(err)
	}
	lookUp(t, s)
	for i := range 10 {
		address := fmt.Sprintf("%d@example.org", i)
		update(t, s, func(tx *store.KeyTx) error {
			_, err := tx.AddPin(t.Context(), store.Pin{Address: address, Fingerprint: "A"})
			return err
		})
		if p, err := s.Pin(t.Context(), address); p.Address != address || err != nil {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
