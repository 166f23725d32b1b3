package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/store"
)

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// impatient opens a database with short waits, 0 for the usual ones.
func impatient(t *testing.T, database string, lock, silence, abandoned time.Duration) *store.Store {
	t.Helper()
	s, err := store.OpenImpatient(t.Context(), database, lock, silence, abandoned)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sql runs a statement as the superuser. In it, DB stands for the name of the database.
func sql(t *testing.T, server *lab.PostgreSQL, database, statement string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	out, err := server.SQL(bounded(t), name, strings.ReplaceAll(statement, "DB", name))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// use calls whatever the daemon does with a store, at the same time.
func use(s *store.Store) error {
	ctx := context.Background() // as for a copy that the MTA has already
	calls := []func() error{
		func() error { _, err := s.KeyGeneration(ctx); return err },
		func() error { _, err := s.CertificatesFor(ctx, "a@example.org", "local"); return err },
		func() error { _, err := s.SentCopies(ctx, "m", noon, noon.Add(time.Hour)); return err },
		func() error { return s.MarkSeen(ctx, "a@example.org", noon) },
		func() error { return s.RecordSent(ctx, "m", []string{"c"}, noon.Add(time.Hour)) },
	}
	all := make([]error, len(calls))
	var group sync.WaitGroup
	for i, call := range calls {
		group.Go(func() { all[i] = call() })
	}
	group.Wait()
	failed := 0
	for _, err := range all {
		if err != nil {
			failed++
		}
	}
	if failed > 0 && failed < len(all) {
		return fmt.Errorf("%d of %d calls failed: %w", failed, len(all), errors.Join(all...))
	}
	return errors.Join(all...)
}

func TestOutage(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	database := labtest.NewDatabase(t, server)
	s := open(t, database)
	if err := use(s); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(context.Context) error{server.Stop, server.Crash} {
		if err := end(bounded(t)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := use(s)
			if err == nil {
				t.Fatal("it works without a server")
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if strings.Contains(line, "of 5 calls failed") {
					t.Error(line)
				}
			}
			if !strings.Contains(err.Error(), "check that the database server runs") {
				t.Errorf("the error is: %v", err)
			}
		}
		if err := server.Start(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if err := use(s); err != nil {
			t.Errorf("after the outage: %v", err)
		}
	}
}

// A restart that nobody notices is nobody's error.
func TestRestart(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	s := open(t, labtest.NewDatabase(t, server))
	for _, end := range []func(context.Context) error{server.Stop, server.Crash} {
		if err := use(s); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(end(bounded(t)), server.Start(bounded(t))); err != nil {
			t.Fatal(err)
		}
		if err := use(s); err != nil {
			t.Error(err)
		}
	}
}

// A server that goes away in the middle of a transaction takes all of it along.
func TestOutageInTransaction(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	s := open(t, labtest.NewDatabase(t, server))
	err := s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		return errors.Join(tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon), server.Crash(bounded(t)))
	})
	if err == nil {
		t.Error("it was committed")
	}
	if err := server.Start(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%+v, %v", c, err)
	}
}

// What was committed survives a crash, also where the administrator has made that a matter of luck.
func TestCommitSurvivesCrash(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	database := labtest.NewDatabase(t, server)
	sql(t, server, database, `ALTER DATABASE DB SET synchronous_commit = off`)
	sql(t, server, database, `ALTER SYSTEM SET wal_writer_delay = '10s'`)
	sql(t, server, database, `SELECT pg_reload_conf()`)
	s := open(t, database)
	if err := s.RecordSent(t.Context(), "m", []string{"c"}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Crash(bounded(t)), server.Start(bounded(t))); err != nil {
		t.Fatal(err)
	}
	wantSent(t, s, "m", noon, "c")
}

// A network that is dead, and tells nobody, holds up no call for ever.
func TestDeadNetwork(t *testing.T) {
	server := postgres.Server(t)
	wire := newWire(t, server)
	s := impatient(t, wire.url(labtest.NewDatabase(t, server)), 0, 2*time.Second, 0)
	if err := use(s); err != nil {
		t.Fatal(err)
	}
	wire.die()
	if err := use(s); err == nil || !strings.Contains(err.Error(), "check the database server and the network to it") {
		t.Errorf("the error is: %v", err)
	}
	inTransaction := errors.New("not reached")
	wire.mend()
	err := s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		wire.die()
		inTransaction = tx.PutCertificate(context.Background(), "AA", []byte("blob"), noon)
		return nil
	})
	if err == nil || inTransaction == nil {
		t.Errorf("commit: %v, before: %v", err, inTransaction)
	}
	wire.mend()
	if err := use(s); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
	if c, err := s.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%+v, %v", c, err)
	}
}

// The end of a context ends a call at once.
func TestContextEndsCalls(t *testing.T) {
	server := postgres.Server(t)
	wire := newWire(t, server)
	s := open(t, wire.url(labtest.NewDatabase(t, server)))
	for name, call := range map[string]func(ctx context.Context) error{
		"generation": func(ctx context.Context) error { _, err := s.KeyGeneration(ctx); return err },
		"lookup": func(ctx context.Context) error {
			_, err := s.CertificatesFor(ctx, "a@example.org", "local")
			return err
		},
		"record": func(ctx context.Context) error { return s.RecordSent(ctx, "m", []string{"c"}, noon) },
		"update": func(ctx context.Context) error { return s.MarkSeen(ctx, "a@example.org", noon) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(t.Context()); err != nil {
				t.Fatal(err)
			}
			wire.die()
			defer wire.mend()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				t.Errorf("the error is: %v", err)
			}
		})
	}
}

// A host that vanishes in the middle of a transaction does not keep the lock.
func TestAbandonedTransactionEnds(t *testing.T) {
	server := postgres.Server(t)
	database := labtest.NewDatabase(t, server)
	wire := newWire(t, server)
	lost := impatient(t, wire.url(database), 0, 2*time.Second, time.Second)
	other := open(t, database)
	err := lost.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		if err := tx.PutCertificate(t.Context(), "AA", []byte("lost"), noon); err != nil {
			return err
		}
		wire.die()
		return other.MarkSeen(t.Context(), "a@example.org", noon)
	})
	if err == nil {
		t.Error("the lost transaction was committed")
	}
	if seen, err := other.Seen(t.Context(), "a@example.org"); err != nil || !seen {
		t.Errorf("seen %t, %v", seen, err)
	}
	if c, err := other.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLockWaitIsBounded(t *testing.T) {
	database := postgres.NewDatabase(t)
	s, other := open(t, database), impatient(t, database, 50*time.Millisecond, 0, 0)
	update(t, s, func(*store.KeyTx) error {
		err := other.MarkSeen(t.Context(), "a@example.org", noon)
		if err == nil || !strings.Contains(err.Error(), "another process has been writing for too long") {
			t.Errorf("the error is: %v", err)
		}
		// Mail goes on.
		return other.RecordSent(t.Context(), "m", []string{"c"}, noon.Add(time.Hour))
	})
	if err := use(other); err != nil {
		t.Errorf("after the lock was free: %v", err)
	}
}

// Writers of one process queue for one connection; that wait has an end, too.
func TestQueueIsBounded(t *testing.T) {
	s := impatient(t, postgres.NewDatabase(t), 0, time.Second, 0)
	update(t, s, func(*store.KeyTx) error {
		err := s.MarkSeen(context.Background(), "a@example.org", noon)
		if err == nil || !strings.Contains(err.Error(), "could not be locked in time") || errors.Is(err, context.Canceled) {
			t.Errorf("the error is: %v", err)
		}
		return nil
	})
}

// Defaults of an administrator do not take away what a transaction relies on.
func TestTransactionsWithOtherDefaults(t *testing.T) {
	server := postgres.Server(t)
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			database := labtest.NewDatabase(t, server)
			sql(t, server, database, `ALTER DATABASE DB SET default_transaction_isolation = '`+level+`'`)
			countTogether(t, database)
		})
	}
}

// Order is that of octets, whatever language the database sorts by.
func TestOrderOfOctets(t *testing.T) {
	server := postgres.Server(t)
	database := labtest.NewDatabase(t, server)
	sql(t, server, "/postgres", `CREATE DATABASE german OWNER sealmilter TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de'`)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/german"
	s := open(t, u.String())
	addresses := []string{"B@example.org", "a@example.org", "ä@example.org"}
	update(t, s, func(tx *store.KeyTx) error {
		for _, address := range addresses {
			if _, err := tx.SetSender(t.Context(), address, "AA", noon); err != nil {
				return err
			}
		}
		return nil
	})
	all, err := s.Senders(t.Context())
	if err != nil || len(all) != len(addresses) {
		t.Fatal(all, err)
	}
	for i, address := range addresses {
		if all[i].Address != address {
			t.Errorf("sender %d is %s, want %s", i, all[i].Address, address)
		}
	}
}

// A role that owns nothing but a schema of its name can use it, beside other roles' tables.
func TestSchemaOfARole(t *testing.T) {
	server := postgres.Server(t)
	database := labtest.NewDatabase(t, server)
	sql(t, server, database, `CREATE ROLE guest LOGIN PASSWORD 'guest'`)
	sql(t, server, database, `CREATE SCHEMA AUTHORIZATION guest`)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("guest", "guest")
	guest, owner := open(t, u.String()), open(t, database)
	if err := errors.Join(use(guest), use(owner)); err != nil {
		t.Error(err)
	}
	if got := sql(t, server, database, `SELECT count(*) FROM guest.sent_copy`); got != "1" {
		t.Errorf("the schema holds %s rows", got)
	}
}
