package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/milter"
)

const (
	// startExtension is how much more time is asked for, again and again, while the database is opened: an upgrade of its
	// tables may go over every row.
	startExtension = 30 * time.Second
	// statusEvery is how often the status is told anew where there is no watchdog.
	statusEvery = 10 * time.Second
)

// notified is a service manager that is told how the daemon is.
type notified interface {
	Listens() bool
	Ready() error
	Status(text string) error
	Reloading() error
	Stopping(within time.Duration) error
	Extend(by time.Duration) error
	Watchdog() time.Duration
	Alive() error
}

// supervisor tells the service manager how the daemon is.
type supervisor struct {
	manager notified
	log     *slog.Logger
	server  interface {
		Load() milter.Load
		Alive(context.Context) error
	}
	// ping asks the database something.
	ping func(context.Context) error
	// ready says why no mail can be handled, nil if it can: what /readyz says.
	ready func(context.Context) error

	mu      sync.Mutex
	mode    config.Mode // in force
	refused error       // why the latest configuration is not in force
	ending  bool
	told    string // the status that was told last
}

// extendStart asks for more time to start until the returned function is called, which may be called again.
func extendStart(manager notified) func() {
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	if manager.Listens() {
		asking.Go(func() {
			// A manager that cannot be told will end the start, and that is where it is seen.
			for _ = manager.Status("opening the database"); ctx.Err() == nil; wait(ctx, startExtension/3) {
				_ = manager.Extend(startExtension)
			}
		})
	}
	return func() {
		cancel()
		asking.Wait()
	}
}

// ended tells that the daemon has come to its end by an error, and returns it. What was told last would be shown as long as
// nothing else runs.
func ended(manager notified, err error) error {
	if err != nil && manager.Listens() {
		_ = manager.Status("ended by an error; the log says by which") // and that is where it is seen in any case
	}
	return err
}

// inForce notes the mode of the configuration that is in force now, and tells that the daemon is ready.
func (s *supervisor) inForce(mode config.Mode) {
	s.mu.Lock()
	s.mode, s.refused = mode, nil
	s.mu.Unlock()
	s.readyAgain()
}

// notInForce notes why a configuration is refused. The daemon is as ready as it was before.
func (s *supervisor) notInForce(err error) {
	s.mu.Lock()
	s.refused = err
	s.mu.Unlock()
	s.readyAgain()
}

func (s *supervisor) readyAgain() {
	s.heard(s.manager.Ready())
	s.tell(context.Background())
}

// reloading tells that the configuration is read again.
func (s *supervisor) reloading() { s.heard(s.manager.Reloading()) }

// stopping tells that the daemon is about to end.
func (s *supervisor) stopping() {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.heard(s.manager.Stopping(drainTime + milter.DefaultGrace + 5*time.Second))
	s.tell(context.Background())
}

// heard logs that the manager could not be told something.
func (s *supervisor) heard(err error) {
	if err != nil {
		event.ManagerDeaf.Log(s.log, event.Err(err))
	}
}

// run tells the status, and that the daemon lives, until ctx ends.
func (s *supervisor) run(ctx context.Context) {
	if !s.manager.Listens() {
		return
	}
	every := statusEvery
	if limit := s.manager.Watchdog(); limit > 0 {
		every = min(every, limit/6)
	}
	for wait(ctx, every) == nil {
		if s.manager.Watchdog() > 0 {
			if err := s.alive(ctx, s.manager.Watchdog()/4); err != nil {
				event.Stuck.Log(s.log, event.Err(err))
				continue
			}
			s.heard(s.manager.Alive())
		}
		s.tell(ctx)
	}
}

// alive says why the daemon does not live, which a new start would cure: its parts do not come back with an answer when
// they have had some time, or twice that for one that gives up late. That a database server is away is no such reason:
// without it, a new daemon could not even start.
func (s *supervisor) alive(ctx context.Context, within time.Duration) error {
	late := time.NewTimer(2 * within)
	defer late.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, within, admin.ErrHangs)
	defer cancel()
	if err := s.server.Alive(ctx); err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = s.ping(ctx) // any answer will do
	}()
	select {
	case <-answered:
		return nil
	case <-late.C:
		return fmt.Errorf("the database: %w", admin.ErrHangs)
	}
}

// tell tells the status if it is another than before.
func (s *supervisor) tell(ctx context.Context) {
	if !s.manager.Listens() {
		return
	}
	text := s.status(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != s.told {
		s.told = text
		s.heard(s.manager.Status(text))
	}
}

// status is one line for people.
func (s *supervisor) status(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s.mu.Lock()
	mode, refused, ending := s.mode, s.refused, s.ending
	s.mu.Unlock()
	var away error
	if !ending {
		away = s.ready(ctx)
	}
	parts := []string{"policy " + string(mode)}
	if n := s.server.Load().Working; n == 1 {
		parts = append(parts, "1 message in work")
	} else {
		parts = append(parts, fmt.Sprintf("%d messages in work", n))
	}
	if ending {
		parts = append(parts, "about to end")
	}
	if away != nil {
		parts = append(parts, "mail is put off: "+away.Error())
	}
	if refused != nil {
		parts = append(parts, "the latest configuration was refused and is not in force: "+placeOf(refused))
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "\n", "; ")
}

// placeOf says where the reason of a refusal is. All users of the host can read the status, and the reason may have a
// part of the configuration in it.
func placeOf(refused error) string {
	if e, is := errors.AsType[*config.Error](refused); is {
		return fmt.Sprintf("%s:%d:%d; the log says why", e.File, e.Line, e.Column)
	}
	return "the log says why"
}
