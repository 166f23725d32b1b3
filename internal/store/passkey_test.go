package store_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"sealmilter/internal/store"
)

// TestPassKeyIsOne has several programs start with an empty database at once: all get the same key, and so does the next.
func TestPassKeyIsOne(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		const programs = 4
		got := make([][]byte, programs)
		var all sync.WaitGroup
		for i := range programs {
			all.Go(func() {
				s, err := store.Open(t.Context(), database)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if got[i], err = s.PassKey(t.Context(), bytes.Repeat([]byte{byte(i + 1)}, 32)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s, err := store.Open(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		later, err := s.PassKey(t.Context(), make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range got {
			if len(key) != 32 || !slices.Equal(key, later) {
				t.Errorf("program %d got %x, a later one %x", i, key, later)
			}
		}
	})
}

// TestPassKeyOfAnother has every installation make a key of its own.
func TestPassKeyOfAnother(t *testing.T) {
	keys := map[string]bool{}
	for i := range 2 {
		key, err := open(t, private(t)).PassKey(t.Context(), bytes.Repeat([]byte{byte(i + 1)}, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys[string(key)] = true
	}
	if len(keys) != 2 {
		t.Error("two installations have the same key")
	}
}
