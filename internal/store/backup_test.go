package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// TestBackup makes one while others write, and works with it in the place of the original.
func TestBackup(t *testing.T) {
	ctx := t.Context()
	database := private(t)
	s := open(t, database)
	furnish(t, s)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			// Two rows in one transaction: a copy of one moment has both or none.
			if err := s.RecordSent(ctx, fmt.Sprint("both-", i), []string{"a", "b"}, noon.Add(time.Hour)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	dir := t.TempDir()
	var files []string
	for i := range 5 {
		file := filepath.Join(dir, fmt.Sprintf("it's %d.db", i))
		if err := store.Backup(ctx, database, file); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	close(stop)
	writing.Wait()

	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		place := private(t)
		if err := os.Rename(file, place); err != nil {
			t.Fatal(err)
		}
		copied := open(t, place)
		wantFurnished(t, copied)
		for i := 0; ; i++ {
			sent, err := copied.SentCopies(ctx, fmt.Sprint("both-", i), noon, noon.Add(2*time.Hour))
			if err != nil || len(sent) == 1 {
				t.Errorf("half of a transaction: %q, %v", sent, err)
			}
			if len(sent) != 2 {
				break
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*.db*")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %q, %v", left, err)
	}
}

// TestBackupOfAnOlderSchema leaves it as it is: the new program makes it before it is used for the first time.
func TestBackupOfAnOlderSchema(t *testing.T) {
	database := private(t)
	old, err := store.OpenWith(t.Context(), database, steps(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := old.Exec(t.Context(), rows[1]+";"+rows[2]); err != nil {
		t.Fatal(err)
	}
	file := private(t)
	if err := store.Backup(t.Context(), database, file); err != nil {
		t.Fatal(err)
	}
	former, err := store.OpenWith(t.Context(), file, steps(t, 2))
	if err != nil {
		t.Fatalf("the former program cannot use it: %v", err)
	}
	former.Close()
	wantRows(t, open(t, file), 2)
}

func TestBackupIsRefused(t *testing.T) {
	database := private(t)
	open(t, database)
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		ctx            context.Context
		database, file string
		is             error
		says           string
	}{
		{t.Context(), database, there, fs.ErrExist, "name a new file"},
		{t.Context(), database, filepath.Join(dir, "nowhere", "file"), fs.ErrNotExist, ""},
		{t.Context(), filepath.Join(dir, "missing"), filepath.Join(dir, "file"), fs.ErrNotExist, ""},
		{t.Context(), damaged, filepath.Join(dir, "file"), nil, "the file is damaged or not a database"},
		{t.Context(), "postgres://u:secret@host/keys", filepath.Join(dir, "file"), store.ErrNotSQLite, "postgres://u@host/keys: it is a PostgreSQL database; use pg_dump"},
		{ended, database, filepath.Join(dir, "file"), context.Canceled, ""},
	} {
		err := store.Backup(tc.ctx, tc.database, tc.file)
		if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s to %s: %v", tc.database, tc.file, err)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("a file was overwritten: %q, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// TestBackupsOfOneName has several begin before one of them is there.
func TestBackupsOfOneName(t *testing.T) {
	database := private(t)
	furnish(t, open(t, database))
	dir := t.TempDir()
	made := make(chan error)
	const several = 4
	for range several {
		go func() { made <- store.Backup(t.Context(), database, filepath.Join(dir, "file")) }()
	}
	well := 0
	for range several {
		switch err := <-made; {
		case err == nil:
			well++
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); well != 1 || err != nil || len(left) != 1 {
		t.Errorf("%d of them are there, in %v, %v", well, left, err)
	}
}
