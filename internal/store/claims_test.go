package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func wantClaim(t *testing.T, s *store.Store, message string, want bool) {
	t.Helper()
	if got, err := s.Claim(t.Context(), message); err != nil || got != want {
		t.Errorf("claimed %s: %t, %v; want %t", message, got, err, want)
	}
}

func wantKept(t *testing.T, s *store.Store, message string, want bool) {
	t.Helper()
	if got, err := s.KeepClaim(t.Context(), message); err != nil || got != want {
		t.Errorf("kept %s: %t, %v; want %t", message, got, err, want)
	}
}

func release(t *testing.T, s *store.Store, message string) {
	t.Helper()
	if err := s.ReleaseClaim(t.Context(), message); err != nil {
		t.Error(err)
	}
}

func openWithState(t *testing.T, database, state string) *store.Store {
	t.Helper()
	s, err := store.OpenWithState(t.Context(), database, state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestClaims has two programs use one database.
func TestClaims(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		a, b := open(t, database), open(t, database)
		wantClaim(t, a, "m1", true)
		wantClaim(t, a, "m1", false)
		wantClaim(t, b, "m1", false)
		wantClaim(t, b, "m2", true)
		wantKept(t, a, "m1", true)
		release(t, a, "m1")
		wantClaim(t, b, "m1", true)
		wantClaim(t, a, "m1", false)
		release(t, b, "m2")
		wantClaim(t, b, "m2", true)
	})
}

// TestClaimsOfADeadProcess has a program end in the middle. The next one on its host takes over at once, and other hosts
// wait.
func TestClaimsOfADeadProcess(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		here, there := t.TempDir(), t.TempDir()
		dead := openWithState(t, database, here)
		wantClaim(t, dead, "m", true)
		wantClaim(t, openWithState(t, database, here), "m", false) // it lives
		if err := dead.Close(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(database, "postgres:") {
			wantClaim(t, openWithState(t, database, there), "m", false)
		}
		next := openWithState(t, database, here)
		wantClaim(t, next, "m", true)
		wantKept(t, next, "m", true)
	})
}

// TestClaimsRunOut has a host be silent for too long.
func TestClaimsRunOut(t *testing.T) {
	server := postgres.Server(t)
	for name, until := range map[string]string{
		"the lease is over":        "extract(epoch from clock_timestamp())::bigint - 1",
		"the clock was put back":   "extract(epoch from clock_timestamp())::bigint + 3600",
		"the server has lost it":   "",
		"in the nick of time":      "extract(epoch from clock_timestamp())::bigint + 1",
		"the other clock is ahead": "extract(epoch from clock_timestamp())::bigint + 32",
	} {
		t.Run(name, func(t *testing.T) {
			database := postgres.NewDatabase(t)
			silent, other := open(t, database), open(t, database)
			wantClaim(t, silent, "m", true)
			statement := "UPDATE message_claim SET until = " + until
			if until == "" {
				statement = "DELETE FROM message_claim"
			}
			sql(t, server, database, statement)
			lasts := name == "in the nick of time" || name == "the other clock is ahead"
			if lasts {
				silent.RenewClaims()
				sql(t, server, database, "UPDATE message_claim SET until = until - 5")
			}
			wantClaim(t, other, "m", !lasts)
			wantKept(t, silent, "m", lasts)
			release(t, silent, "m") // which takes it from nobody else
			wantKept(t, other, "m", !lasts)
		})
	}
}

// TestClaimsAtOnce has many programs want the same messages, whatever the server's default for transactions.
func TestClaimsAtOnce(t *testing.T) {
	const programs, rounds = 4, 10
	server := postgres.Server(t)
	for _, level := range []string{"read committed", "serializable"} {
		t.Run(level, func(t *testing.T) {
			database := postgres.NewDatabase(t)
			sql(t, server, database, `ALTER DATABASE DB SET default_transaction_isolation = '`+level+`'`)
			var won [rounds]atomic.Int32
			var all sync.WaitGroup
			for range programs {
				s := open(t, database)
				all.Go(func() {
					for i := range rounds {
						message := fmt.Sprint("m", i)
						got, err := s.Claim(t.Context(), message)
						if err != nil {
							t.Error(err)
						}
						if !got {
							continue
						}
						won[i].Add(1)
						for _, name := range []string{"a", "b"} {
							if err := s.RecordSent(t.Context(), message, []string{name}, noon.Add(time.Hour)); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			all.Wait()
			s := open(t, database)
			for i := range won {
				if n := won[i].Load(); n != 1 {
					t.Errorf("%d programs work on message %d", n, i)
				}
				wantSent(t, s, fmt.Sprint("m", i), noon, "a", "b")
			}
		})
	}
}
