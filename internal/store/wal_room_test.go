package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// smallDisk mounts a disk that holds some megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=700"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill writes until a disk is full.
func fill(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	return ballast
}

// TestRecordsOnAFullDisk has the disk get full when copies are on their way: their records are written all the same. A
// program that begins on a full disk takes no record, so that it sends nothing.
func TestRecordsOnAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	database := filepath.Join(dir, "test.db")
	record := func(s *store.Store, name string) error {
		return s.RecordSent(t.Context(), "m", []string{name}, noon.Add(time.Hour))
	}
	s, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if err := record(s, "trial"); err != nil {
		t.Fatal(err)
	}
	ballast := fill(t, dir)
	var want []string
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		// That is said, so that no other copy is sent.
		if err := record(s, name); err == nil || !strings.Contains(err.Error(), "reserve room") {
			t.Fatalf("%s: %v", name, err)
		}
		want = append(want, name)
	}
	want = append(want, "trial")
	slices.Sort(want)
	wantSent(t, s, "m", noon, want...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	ballast = fill(t, dir)
	if s, err = store.Open(t.Context(), database); err == nil {
		defer s.Close()
		err = record(s, "trial")
	}
	if err == nil {
		t.Fatal("a full disk takes a record")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := record(s, "later"); err != nil {
		t.Error(err)
	}
}
