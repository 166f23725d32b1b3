package store_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func TestInspect(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		fresh, err := s.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !fresh.Newest.IsZero() || fresh.Schema < 7 || fresh.Size < 4096 || !strings.Contains(fresh.Engine, "SQL") || !strings.ContainsAny(fresh.Engine, "123456789") {
			t.Errorf("a fresh database says %+v", fresh)
		}
		asked := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
		update(t, s, func(tx *store.KeyTx) error {
			return tx.PutLookup(t.Context(), store.Lookup{Address: "bob@example.net", Source: "wkd", Asked: asked})
		})
		if used, err := s.Inspect(t.Context()); err != nil || !used.Newest.Equal(asked) {
			t.Errorf("%+v, %v; want %v", used, err, asked)
		}
		if found, err := s.Damage(t.Context()); len(found) > 0 || err != nil {
			t.Errorf("a sound database has %q, %v", found, err)
		}
	})
}

// TestDamage writes over the middle of a database, as a disk that fails would.
func TestDamage(t *testing.T) {
	database := private(t)
	s := open(t, database)
	update(t, s, func(tx *store.KeyTx) error {
		for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			lookup := store.Lookup{Address: name + "@example.net", Source: "wkd", Detail: strings.Repeat(name, 2000), Asked: time.Unix(1e9, 0)}
			if err := tx.PutLookup(t.Context(), lookup); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(whole), strings.Repeat("k", 500)) &^ 4095
	if at <= 0 {
		t.Fatal("the record is not in the file")
	}
	copy(whole[at+1:], "\x0f\xf0") // where the first free block of the page is (fileformat2.html, section 1.6)
	if err := os.WriteFile(database, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := open(t, database).Damage(t.Context())
	if len(found) == 0 || err != nil {
		t.Errorf("it counts as sound: %v", err)
	}
	if strings.Contains(strings.Join(found, "\n"), "kkk") {
		t.Errorf("content shows: %q", found)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := open(t, database).Damage(ended); err == nil || ended.Err() == nil {
		t.Error("it has an answer in no time")
	}
}
