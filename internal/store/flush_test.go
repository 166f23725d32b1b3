package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
)

// TestFlushesAreShared has many ask for a flush while one runs.
func TestFlushesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncs, goOn, full := 0, make(chan struct{}), errors.New("the disk is full")
		f := &flushes{sync: func() error {
			syncs++
			<-goOn
			if syncs == 2 {
				return full
			}
			return nil
		}}
		var all sync.WaitGroup
		ask := func(want error) {
			all.Go(func() {
				if err := f.wait(t.Context()); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			})
		}
		ask(nil)
		synctest.Wait()
		for range 20 {
			ask(full)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		all.Go(func() {
			if err := f.wait(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
		})
		synctest.Wait()
		giveUp()
		goOn <- struct{}{} // what was written after the first flush began waits for the second
		synctest.Wait()
		if syncs != 2 {
			t.Fatalf("%d flushes", syncs)
		}
		goOn <- struct{}{}
		all.Wait()
		ask(nil)
		goOn <- struct{}{}
		all.Wait()
		if syncs != 3 {
			t.Errorf("%d flushes", syncs)
		}
	})
}

// TestLogFileIsFollowed has the file be made anew, and be missing.
func TestLogFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x-wal")
	l := &logFile{path: path}
	defer l.close()
	if err := l.flush(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for range 2 {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
		}
		at, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if open, err := l.file.Stat(); err != nil || !os.SameFile(at, open) {
			t.Errorf("another file was flushed, %v", err)
		}
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
	}
}
