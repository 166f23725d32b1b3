package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestOpenAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s, err := store.Open(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		c, err := open(t, database).Certificate(t.Context(), "AA")
		if err != nil || string(c.Blob) != "blob" || !c.Added.Equal(noon) || !c.Updated.Equal(noon) {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestTwoWriters(t *testing.T) { eachDatabase(t, countTogether) }

// countTogether has two stores on one database write at the same time, as the daemon and the command line do.
func countTogether(t *testing.T, database string) {
	const goroutines, rounds = 3, 20
	a, b := open(t, database), open(t, database)
	var all sync.WaitGroup
	for _, s := range []*store.Store{a, b} {
		for range goroutines {
			all.Go(func() {
				for range rounds {
					err := s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
						count := byte(0)
						c, err := tx.Certificate(t.Context(), "AA")
						switch {
						case err == nil:
							count = c.Blob[0]
						case !errors.Is(err, store.ErrNotFound):
							return err
						}
						return tx.PutCertificate(t.Context(), "AA", []byte{count + 1}, noon)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	c, err := a.Certificate(t.Context(), "AA")
	if err != nil || c.Blob[0] != 2*goroutines*rounds {
		t.Errorf("%v writes of %d are there, %v", c.Blob, 2*goroutines*rounds, err)
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		before, err := s.KeyGeneration(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.New("cause")
		err = s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
			return errors.Join(tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon), cause)
		})
		if !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
		if c, err := s.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v, %v", c, err)
		}
		if after, err := s.KeyGeneration(t.Context()); err != nil || after != before {
			t.Errorf("generation %d became %d, %v", before, after, err)
		}
	})
}

func TestGenerationTellsOtherProcesses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		a, b := open(t, database), open(t, database)
		last, err := b.KeyGeneration(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name   string
			change func(tx *store.KeyTx) error
		}{
			{"put", func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("1"), noon) }},
			{"services", func(tx *store.KeyTx) error {
				_, err := tx.AddService(t.Context(), "AA", "local", 7, "a@example.org")
				return err
			}},
			{"sender", func(tx *store.KeyTx) error {
				_, err := tx.SetSender(t.Context(), "a@example.org", "AA", noon)
				return err
			}},
			{"remove", func(tx *store.KeyTx) error { _, err := tx.RemoveCertificate(t.Context(), "AA"); return err }},
		} {
			update(t, a, step.change)
			now, err := b.KeyGeneration(t.Context())
			if err != nil || now <= last {
				t.Errorf("%s: generation went from %d to %d, %v", step.name, last, now, err)
			}
			last = now
		}
		if err := a.MarkSeen(t.Context(), "a@example.org", noon); err != nil {
			t.Fatal(err)
		}
		if now, err := b.KeyGeneration(t.Context()); err != nil || now != last {
			t.Errorf("a seen address raised the generation, %v", err)
		}
	})
}
