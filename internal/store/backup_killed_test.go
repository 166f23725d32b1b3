package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/store"
)

// The environment has this test binary make a backup instead of testing, and wait before that has its name.
const (
	killedDatabase = "SEALMILTER_KILLED_DATABASE"
	killedFile     = "SEALMILTER_KILLED_FILE"
)

// TestBackupUntilKilled is what a process does that TestKilledBackup kills.
func TestBackupUntilKilled(t *testing.T) {
	if os.Getenv(killedFile) == "" {
		t.Skip("TestKilledBackup starts it")
	}
	t.Error(store.BackupUntil(t.Context(), os.Getenv(killedDatabase), os.Getenv(killedFile), func() {
		fmt.Println("here it waits")
		io.Copy(io.Discard, os.Stdin) // until it is killed, or nobody is there who could
	}))
}

// TestKilledBackup kills the process (SIGKILL) when all is copied. There is no file of the backup's name, and the next
// backup removes what was left behind, but nothing of one that still goes on.
func TestKilledBackup(t *testing.T) {
	t.Parallel()
	database := furnished(t, private(t))
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.db")
	killWaiting(t, "TestBackupUntilKilled", killedDatabase+"="+database, killedFile+"="+file)
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup that was killed is there: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), ".sealmilter-backup-") {
		t.Fatalf("left behind are %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can see what was left behind: %v, %v", info.Mode(), err)
	}
	another := filepath.Join(dir, "another.db")
	err = store.BackupUntil(t.Context(), database, file, func() {
		if err := store.Backup(context.Background(), database, another); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatalf("beside another one: %v", err)
	}
	entries, err = os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
	for _, backup := range []string{file, another} {
		place := private(t)
		if err := os.Rename(backup, place); err != nil {
			t.Fatal(err)
		}
		wantFurnished(t, open(t, place))
	}
}
