package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/internal/config"
	"sealmilter/milter"
)

// listening is a service manager that keeps what it is told.
type listening struct {
	deaf     bool
	watchdog time.Duration

	mu   sync.Mutex
	told []string
}

func (l *listening) say(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, what)
	return nil
}

// heard returns what was told since the last call.
func (l *listening) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = nil
	return told
}

func (l *listening) Listens() bool                  { return !l.deaf }
func (l *listening) Ready() error                   { return l.say("ready") }
func (l *listening) Status(text string) error       { return l.say(text) }
func (l *listening) Reloading() error               { return l.say("reloading") }
func (l *listening) Stopping(d time.Duration) error { return l.say("stopping within " + d.String()) }
func (l *listening) Extend(d time.Duration) error   { return l.say("extend by " + d.String()) }
func (l *listening) Watchdog() time.Duration        { return l.watchdog }
func (l *listening) Alive() error                   { return l.say("alive") }

// busy is a server with some messages in work.
type busy struct {
	working atomic.Int64
	alive   func(context.Context) error
}

func (b *busy) Load() milter.Load               { return milter.Load{Working: int(b.working.Load())} }
func (b *busy) Alive(ctx context.Context) error { return b.alive(ctx) }

func forever(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func wants(t *testing.T, l *listening, want ...string) {
	t.Helper()
	if got := l.heard(); !slices.Equal(got, want) {
		t.Errorf("the manager was told %q, not %q", got, want)
	}
}

// TestSupervisorTells goes through the life of a daemon.
func TestSupervisorTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, server := &listening{}, &busy{alive: forever}
		var away atomic.Value
		away.Store("")
		s := &supervisor{manager: manager, log: slog.New(slog.DiscardHandler), server: server, ping: forever, ready: func(context.Context) error {
			if why := away.Load().(string); why != "" {
				return errors.New(why)
			}
			return nil
		}}
		s.inForce("prefer")
		wants(t, manager, "ready", "policy prefer; 0 messages in work")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.run(ctx) })
		later := func() {
			time.Sleep(statusEvery)
			synctest.Wait()
		}
		later()
		wants(t, manager)
		server.working.Store(1)
		later()
		wants(t, manager, "policy prefer; 1 message in work")
		away.Store("no\ndatabase")
		later()
		wants(t, manager, "policy prefer; 1 message in work; mail is put off: no; database")
		away.Store("")
		s.reloading()
		_, err := config.Parse("x.toml", []byte("senders.logins = { alice = [\"alice@example.org@\"] }"))
		s.notInForce(err)
		const refused = "; the latest configuration was refused and is not in force: x.toml:1:29; the log says why"
		wants(t, manager, "reloading", "ready", "policy prefer; 1 message in work"+refused)
		server.working.Store(2)
		later()
		wants(t, manager, "policy prefer; 2 messages in work"+refused)
		s.reloading()
		s.inForce("require")
		wants(t, manager, "reloading", "ready", "policy require; 2 messages in work")
		s.stopping()
		wants(t, manager, "stopping within 1m10s", "policy require; 2 messages in work; about to end")
		server.working.Store(0)
		later()
		wants(t, manager, "policy require; 0 messages in work; about to end")
		cancel()
		running.Wait()
	})
}

// TestWatchdog has one part after the other hang.
func TestWatchdog(t *testing.T) {
	fine := func(context.Context) error { return nil }
	for name, tc := range map[string]struct {
		alive, ping func(context.Context) error
		lives       bool
		log         string
	}{
		"all is well":                    {fine, fine, true, ""},
		"the database server is away":    {fine, func(context.Context) error { return errors.New("away") }, true, ""},
		"the database server is silent":  {fine, forever, true, ""},
		"no connection is accepted":      {forever, fine, false, "it has not come back in time"},
		"the listener is closed":         {func(context.Context) error { return net.ErrClosed }, fine, false, "use of closed network connection"},
		"a query never comes to its end": {fine, func(context.Context) error { select {} }, false, "the database: it has not come back in time"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a query never comes to its end" {
				// It would hold up the false clock's bubble, so that the clock is a real one with short times.
				stuck(t, tc.alive, tc.ping, tc.log)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				const limit = time.Minute
				manager, log := &listening{watchdog: limit}, &bytes.Buffer{}
				s := &supervisor{manager: manager, log: slog.New(slog.NewTextHandler(log, nil)), server: &busy{alive: tc.alive}, ping: tc.ping,
					ready: func(context.Context) error { return nil }}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { s.run(ctx) })
				for range 5 {
					time.Sleep(limit)
					synctest.Wait()
					if told := slices.Contains(manager.heard(), "alive"); told != tc.lives {
						t.Errorf("the manager was told that the daemon lives: %t", told)
					}
				}
				cancel()
				running.Wait()
				if !strings.Contains(log.String(), tc.log) || tc.lives && log.Len() > 0 {
					t.Errorf("the log says %q", log)
				}
			})
		})
	}
}

func stuck(t *testing.T, alive, ping func(context.Context) error, want string) {
	s := &supervisor{server: &busy{alive: alive}, ping: ping}
	if err := s.alive(t.Context(), time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

// TestStartIsExtended opens a database for a minute.
func TestStartIsExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &listening{}
		opened := extendStart(manager)
		time.Sleep(time.Minute)
		opened()
		opened()
		told := manager.heard()
		if told[0] != "opening the database" || len(told) < 6 || told[5] != "extend by 30s" {
			t.Errorf("the manager was told %q", told)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		wants(t, manager)

		nobody := &listening{deaf: true}
		extendStart(nobody)()
		wants(t, nobody)
	})
}
