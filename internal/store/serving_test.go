package store_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// stateOf returns a state directory for a daemon or a command that works with a database: that of the file, or one of its own.
func stateOf(t *testing.T, database string) string {
	t.Helper()
	if strings.HasPrefix(database, "postgres:") {
		return filepath.Dir(private(t))
	}
	return filepath.Dir(database)
}

// TestNobodyStartsWhileItIsCopied has others try in the middle of a copy, from elsewhere, on either side of it.
func TestNobodyStartsWhileItIsCopied(t *testing.T) {
	from := source(t, furnished(t, postgres.NewDatabase(t)))
	into := postgres.NewDatabase(t)
	to := target(t, into)
	early := opened(t)(store.OpenWithState(t.Context(), postgres.NewDatabase(t), filepath.Dir(private(t))))
	if err := early.Serve(t.Context()); err != nil {
		t.Errorf("a database that is not copied: %v", err)
	}
	tried := false
	err := from.CopyTo(t.Context(), to, func(c store.Copied) {
		if tried || c.Table != "pin" {
			return
		}
		tried = true
		for name, open := range map[string]func() (*store.Store, error){
			"a daemon":       func() (*store.Store, error) { return store.OpenWithState(t.Context(), into, filepath.Dir(private(t))) },
			"another copy":   func() (*store.Store, error) { return store.OpenTarget(t.Context(), into, filepath.Dir(private(t))) },
			"a copy of this": func() (*store.Store, error) { return store.OpenAlone(t.Context(), into, filepath.Dir(private(t))) },
		} {
			s, err := open()
			if !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), "by sealmilter store migrate; try again when that has ended") {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				s.Close()
			}
		}
		if err := to.Serve(t.Context()); !errors.Is(err, store.ErrServing) { // whoever has opened it before the copy began
			t.Errorf("a daemon that was about to start: %v", err)
		}
		if err := from.Serve(t.Context()); !errors.Is(err, store.ErrServing) {
			t.Errorf("a daemon at the source: %v", err)
		}
	})
	if err != nil || !tried {
		t.Fatalf("tried %t, %v", tried, err)
	}
	late := opened(t)(store.OpenWithState(t.Context(), into, filepath.Dir(private(t))))
	if err := late.Serve(t.Context()); err != nil {
		t.Errorf("after the copy: %v", err)
	}
	wantFurnished(t, late)
}

// onceGone tries something until the server has noticed that a daemon is gone, which it does a moment after it is told.
func onceGone(t *testing.T, try func() error) {
	t.Helper()
	err := try()
	for deadline := time.Now().Add(time.Minute); errors.Is(err, store.ErrServing) && time.Now().Before(deadline); {
		err = try()
	}
	if err != nil {
		t.Error(err)
	}
}

// openAlone opens and closes a database.
func openAlone(t *testing.T, database, state string) error {
	s, err := store.OpenAlone(t.Context(), database, state)
	if err == nil {
		err = s.Close()
	}
	return err
}

// TestDaemonAtTheTarget is refused before the first row, whether it was there when the target was opened or has come since.
func TestDaemonAtTheTarget(t *testing.T) {
	from := source(t, furnished(t, private(t)))
	into := postgres.NewDatabase(t)
	to := target(t, into)
	daemon := opened(t)(store.OpenWithState(t.Context(), into, filepath.Dir(private(t))))
	if err := errors.Join(daemon.Serve(t.Context()), daemon.Ping(t.Context())); err != nil {
		t.Fatal(err)
	}
	err := from.CopyTo(t.Context(), to, func(c store.Copied) { t.Errorf("it copies %+v", c) })
	if !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), "systemctl stop sealmilter (it is connected from 127.0.0.1)") {
		t.Error(err)
	}
	if s, err := store.OpenTarget(t.Context(), into, filepath.Dir(private(t))); !errors.Is(err, store.ErrServing) {
		t.Error(err)
		if err == nil {
			s.Close()
		}
	}
	daemon.Close()
	onceGone(t, func() error { return from.CopyTo(t.Context(), to, func(store.Copied) {}) })
}

// TestRefusedCopyUpgradesNothing has a copy of a newer program come while the daemon of an older one works: that could not start again.
func TestRefusedCopyUpgradesNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		older := countSteps(t) - 1
		state := stateOf(t, database)
		daemon := opened(t)(store.OpenWith(t.Context(), database, steps(t, older)))
		if err := daemon.Serve(t.Context()); err != nil {
			t.Fatal(err)
		}
		opens := map[string]func(context.Context, string, string) (*store.Store, error){"source": store.OpenAlone}
		if store.IsPostgres(database) {
			opens["target"] = store.OpenTarget
		}
		for name, open := range opens {
			if s, err := open(t.Context(), database, state); !errors.Is(err, store.ErrServing) {
				t.Errorf("%s: %v", name, err)
				if err == nil {
					s.Close()
				}
			}
		}
		if found, err := daemon.Inspect(t.Context()); err != nil || found.Schema != older {
			t.Errorf("%+v, %v, not schema %d", found, err, older)
		}
		daemon.Close()
		onceGone(t, func() error { return openAlone(t, database, state) })
	})
}

// TestNamedDaemonIsSeen gives the daemons of several hosts names of their own, to tell them apart at the server.
func TestNamedDaemonIsSeen(t *testing.T) {
	for _, name := range []string{"relay-b", "sealmilter store", "sealmilter"} {
		database := postgres.NewDatabase(t)
		named := database + "?application_name=" + url.QueryEscape(name)
		if strings.Contains(database, "?") {
			named = database + "&application_name=" + url.QueryEscape(name)
		}
		daemon := opened(t)(store.OpenWithState(t.Context(), named, filepath.Dir(private(t))))
		if err := daemon.Serve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := store.OpenAlone(t.Context(), database, filepath.Dir(private(t))); !errors.Is(err, store.ErrServing) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				s.Close()
			}
		}
		daemon.Close()
	}
}

// TestIdleDaemonIsSeen has nothing to do for so long that its connections are closed, those that are too old among them.
func TestIdleDaemonIsSeen(t *testing.T) {
	database := postgres.NewDatabase(t)
	daemon := opened(t)(store.OpenWithState(t.Context(), database, filepath.Dir(private(t))))
	if err := daemon.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		daemon.CloseIdle()
		if s, err := store.OpenAlone(t.Context(), database, filepath.Dir(private(t))); !errors.Is(err, store.ErrServing) {
			t.Error(err)
			if err == nil {
				s.Close()
			}
		}
		daemon.Show()
	}
	daemon.Close()
	daemon.Show() // it was about to
	onceGone(t, func() error { return openAlone(t, database, filepath.Dir(private(t))) })
}

// TestTwoMigrationsOfOneHost tells whoever comes second what the first one is.
func TestTwoMigrationsOfOneHost(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		state := stateOf(t, database)
		first := opened(t)(store.OpenAlone(t.Context(), database, state))
		s, err := store.OpenAlone(t.Context(), database, state)
		if !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), "by sealmilter store migrate; try again") {
			t.Error(err)
		}
		if err == nil {
			s.Close()
		}
		first.Close()
	})
}
