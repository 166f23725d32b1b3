package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func TestCertificates(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		later := noon.Add(time.Hour)
		update(t, s, func(tx *store.KeyTx) error {
			return errors.Join(
				tx.PutCertificate(ctx, "BB", []byte("b"), noon),
				tx.PutCertificate(ctx, "AA", []byte("a"), noon),
				tx.PutCertificate(ctx, "CC", []byte("c"), noon),
				serve(t, tx, "AA", "local", "one@example.org", true),
				serve(t, tx, "AA", "local", "two@example.org", true),
				serve(t, tx, "AA", "local", "two@example.org", false),
				serve(t, tx, "BB", "local", "one@example.org", true),
				serve(t, tx, "CC", "wkd", "one@example.org", true),
				assign(t, tx, "AA", "one@example.org", true),
				assign(t, tx, "AA", "one@example.org", false),
				assign(t, tx, "AA", "three@example.org", true),
			)
		})
		wantServing := func(address string, want ...string) {
			t.Helper()
			all, err := s.CertificatesFor(ctx, address, "local")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range all {
				got = append(got, fmt.Sprintf("%s=%s assigned:%t", c.Fingerprint, c.Blob, c.Assigned))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", address, got, want)
			}
		}
		wantServing("one@example.org", "AA=a assigned:true", "BB=b assigned:false")
		wantServing("two@example.org", "AA=a assigned:false")
		wantServing("nobody@example.org")

		update(t, s, func(tx *store.KeyTx) error {
			return errors.Join(
				tx.PutCertificate(ctx, "AA", []byte("a2"), later),
				serve(t, tx, "AA", "local", "one@example.org", false),
				serve(t, tx, "AA", "local", "four@example.org", true),
				end(t, tx, "AA", "two@example.org", true),
				end(t, tx, "AA", "two@example.org", false),
			)
		})
		wantServing("two@example.org")
		wantServing("three@example.org", "AA=a2 assigned:true")
		wantServing("four@example.org", "AA=a2 assigned:false")
		for address, want := range map[string]bool{"three@example.org": true, "four@example.org": false, "nobody@example.org": false} {
			if got, err := s.Assigned(ctx, "AA", address); got != want || err != nil {
				t.Errorf("assigned to %s: %t, %v", address, got, err)
			}
		}
		if c, err := s.Certificate(ctx, "AA"); err != nil || !c.Added.Equal(noon) || !c.Updated.Equal(later) {
			t.Errorf("%+v, %v", c, err)
		}

		remove := func(change func(tx *store.KeyTx) (bool, error), want bool) {
			t.Helper()
			update(t, s, func(tx *store.KeyTx) error {
				found, err := change(tx)
				if found != want {
					t.Errorf("removed %t, want %t", found, want)
				}
				return err
			})
		}
		one := func(tx *store.KeyTx) (bool, error) { return tx.RemoveAddress(ctx, "one@example.org") }
		remove(one, true)
		remove(one, false)
		wantServing("one@example.org")
		wantServing("four@example.org", "AA=a2 assigned:false")
		if _, err := s.Certificate(ctx, "BB"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a certificate that serves no address is still there: %v", err)
		}
		byFingerprint := func(tx *store.KeyTx) (bool, error) { return tx.RemoveCertificate(ctx, "AA") }
		remove(byFingerprint, true)
		remove(byFingerprint, false)
		wantServing("three@example.org")
		if services, err := s.Services(ctx, "AA"); err != nil || len(services) > 0 {
			t.Errorf("services %v outlive their certificate, %v", services, err)
		}
	})
}

func serve(t *testing.T, tx *store.KeyTx, fingerprint, source, address string, want bool) error {
	added, err := tx.AddService(t.Context(), fingerprint, source, 7, address)
	if added != want {
		t.Errorf("%s serves %s by %s: %t, want %t", fingerprint, address, source, added, want)
	}
	return err
}

func end(t *testing.T, tx *store.KeyTx, fingerprint, address string, want bool) error {
	ended, err := tx.EndService(t.Context(), fingerprint, "local", address)
	if ended != want {
		t.Errorf("%s no longer serves %s: %t, want %t", fingerprint, address, ended, want)
	}
	return err
}

func assign(t *testing.T, tx *store.KeyTx, fingerprint, address string, want bool) error {
	added, err := tx.Assign(t.Context(), fingerprint, "local", address)
	if added != want {
		t.Errorf("%s assigned to %s: %t, want %t", fingerprint, address, added, want)
	}
	return err
}

func TestCertificatesPageByPage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		const count = 300
		update(t, s, func(tx *store.KeyTx) error {
			var errs []error
			for i := range count {
				errs = append(errs, tx.PutCertificate(ctx, fmt.Sprintf("%08X", i*7), []byte{1}, noon))
			}
			return errors.Join(errs...)
		})
		next := 0
		for c, err := range s.Certificates(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%08X", next*7); c.Fingerprint != want {
				t.Fatalf("certificate %d is %s, want %s", next, c.Fingerprint, want)
			}
			next++
		}
		if next != count {
			t.Errorf("%d certificates of %d", next, count)
		}
	})
}

func TestSenders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		for _, step := range []struct{ address, fingerprint, before string }{
			{"a@example.org", "AA", ""},
			{"a@example.org", "AA", "AA"},
			{"a@example.org", "BB", "AA"},
			{"b@example.org", "BB", ""},
			{"c@example.org", "BB", ""},
		} {
			update(t, s, func(tx *store.KeyTx) error {
				before, err := tx.SetSender(ctx, step.address, step.fingerprint, noon)
				if before != step.before {
					t.Errorf("%+v: %q signed before", step, before)
				}
				return err
			})
		}
		if v, err := s.Sender(ctx, "a@example.org"); err != nil || v.Fingerprint != "BB" || !v.Created.Equal(noon) {
			t.Errorf("%+v, %v", v, err)
		}
		update(t, s, func(tx *store.KeyTx) error {
			if fingerprint, inUse, err := tx.RemoveSender(ctx, "a@example.org"); fingerprint != "BB" || !inUse || err != nil {
				t.Errorf("%q, in use: %t, %v", fingerprint, inUse, err)
			}
			if fingerprint, _, err := tx.RemoveSender(ctx, "a@example.org"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q, %v", fingerprint, err)
			}
			return nil
		})
		if all, err := s.Senders(ctx); err != nil || len(all) != 2 || all[0].Address != "b@example.org" {
			t.Errorf("%+v, %v", all, err)
		}
		update(t, s, func(tx *store.KeyTx) error {
			if found, err := tx.RemoveSendersOf(ctx, "BB"); !found || err != nil {
				t.Errorf("%t, %v", found, err)
			}
			if found, err := tx.RemoveSendersOf(ctx, "BB"); found || err != nil {
				t.Errorf("%t, %v", found, err)
			}
			return nil
		})
		if v, err := s.Sender(ctx, "b@example.org"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestSeenOutlivesTheCertificate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		if seen, err := s.Seen(ctx, "a@example.org"); err != nil || seen {
			t.Errorf("seen %t, %v", seen, err)
		}
		update(t, s, func(tx *store.KeyTx) error {
			return errors.Join(tx.PutCertificate(ctx, "AA", []byte("a"), noon), tx.MarkSeen(ctx, "a@example.org", noon))
		})
		if err := s.MarkSeen(ctx, "a@example.org", noon.Add(time.Hour)); err != nil {
			t.Error(err)
		}
		update(t, s, func(tx *store.KeyTx) error { _, err := tx.RemoveCertificate(ctx, "AA"); return err })
		if seen, err := s.Seen(ctx, "a@example.org"); err != nil || !seen {
			t.Errorf("seen %t, %v", seen, err)
		}
	})
}

func BenchmarkCertificatesFor(b *testing.B) {
	for _, count := range []int{10, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			ctx := b.Context()
			s := open(b, private(b))
			blob := make([]byte, 2000)
			update(b, s, func(tx *store.KeyTx) error {
				for i := range count {
					fingerprint := fmt.Sprintf("%040X", i)
					if err := tx.PutCertificate(ctx, fingerprint, blob, noon); err != nil {
						return err
					}
					if _, err := tx.AddService(ctx, fingerprint, "local", 7, fmt.Sprintf("u%d@example.org", i)); err != nil {
						return err
					}
				}
				return nil
			})
			for i := 0; b.Loop(); i++ {
				found, err := s.CertificatesFor(ctx, fmt.Sprintf("u%d@example.org", i*7919%count), "local")
				if err != nil || len(found) != 1 {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}

// BenchmarkKeyGeneration measures what every key lookup asks, and what prepared statements would save.
func BenchmarkKeyGeneration(b *testing.B) {
	for _, kind := range []struct{ name, options string }{{"sqlite", ""}, {"postgresql", ""}, {"prepared", "?default_query_exec_mode=cache_statement"}} {
		b.Run(kind.name, func(b *testing.B) {
			database := private(b)
			if kind.name != "sqlite" {
				database = postgres.NewDatabase(b) + kind.options
			}
			s := open(b, database)
			if kind.name == "sqlite" {
				settle(b, database)
			}
			for b.Loop() {
				if _, err := s.KeyGeneration(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
