package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"

	"sealmilter/internal/outbox"
	"sealmilter/milter"
)

// slowRound is how long the care for keys and old records may take before it counts as stuck.
const slowRound = time.Hour

// Parts are what the health of a daemon depends on.
type Parts struct {
	// Ping reads from the database, Probe writes as well, and Passphrase tries the one of the senders' keys.
	Ping  func(context.Context) error
	Probe func(context.Context) (read, write error)
	// WriteFailures counts the writes to the database that have failed, whoever made them.
	WriteFailures func() int64
	Passphrase    func(context.Context) error
	Server        interface {
		Load() milter.Load
		Alive(context.Context) error
	}
	Witness interface {
		State() (runs bool, starts int64)
	}
	// Now is the clock.
	Now func() time.Time
}

// Health tells whether the daemon lives, and whether it can handle a message. It is safe for concurrent use.
type Health struct {
	Parts

	// delivery is how the last copy went, nil before the first.
	delivery atomic.Pointer[delivered]
	// caring is when the round of care began that goes on, 0 between two, in Unix seconds.
	caring atomic.Int64
	// refused says that the last configuration that was read is not in force. Why it is not may have a part of it, which is for
	// the log alone.
	refused atomic.Bool

	trying singleflight.Group // of the passphrase

	mu     sync.Mutex
	asking *question // the one that the database is asked now, nil for none
	// written is when a probe has last been written, and failures how many writes had failed before.
	written  time.Time
	failures int64
}

type delivered struct {
	result outbox.Result
	at     time.Time
}

// check is one thing that a daemon needs.
type check struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	// Needed says that no message, or none of some kind, can be handled without it.
	Needed bool   `json:"needed"`
	Why    string `json:"why,omitempty"`
}

// NewHealth returns the health of a daemon, whose server need not serve yet.
func NewHealth(p Parts) *Health { return &Health{Parts: p} }

var (
	errDraining = errors.New("the daemon is about to end, and takes no more messages")
	// ErrHangs says that a part of the daemon itself hangs, or what it asks.
	ErrHangs = errors.New("it has not come back in time")
)

// checks looks at everything.
func (h *Health) checks(ctx context.Context) []check {
	// Each has all the time there is: what hangs must not have the others look as if they did.
	var passphrase, listener error
	var asking sync.WaitGroup
	asking.Go(func() { passphrase = h.unlocks(ctx) })
	asking.Go(func() { listener = h.listens(ctx) })
	read, write := h.database(ctx)
	asking.Wait()
	witnessed, _ := h.Witness.State()
	return []check{
		needed("database_read", read),
		needed("database_write", write),
		needed("passphrase", passphrase),
		needed("listener", listener),
		advised("reinject", h.reinjects()),
		advised("witness", unless(witnessed, "a crash may repeat a copy that is on its way; the log says why it does not run")),
		advised("configuration", unless(!h.refused.Load(), "the configuration that was read last is not in force; the log says why")),
		advised("room", h.hasRoom()),
		advised("work", h.worksOn()),
	}
}

func needed(name string, err error) check {
	c := advised(name, err)
	c.Needed = true
	return c
}

func advised(name string, err error) check {
	if err != nil {
		return check{Name: name, Why: err.Error()}
	}
	return check{Name: name, OK: true}
}

func unless(ok bool, why string) error {
	if ok {
		return nil
	}
	return errors.New(why)
}

// Ready says why no message can be handled now, or none of some kind, nil if all can. The mail server's listener for copies
// does not count: it goes away and comes back with the mail server, which is when nobody has mail for us.
func (h *Health) Ready(ctx context.Context) error {
	var why []string
	for _, c := range h.checks(ctx) {
		if c.Needed && !c.OK {
			why = append(why, c.Name+": "+c.Why)
		}
	}
	if len(why) == 0 {
		return nil
	}
	return errors.New(strings.Join(why, "\n"))
}

// alive says why the daemon does not live, which a new start would cure: a database that is away is no such reason.
func (h *Health) alive(ctx context.Context) error {
	if began := h.caring.Load(); began != 0 {
		if took := h.Now().Sub(time.Unix(began, 0)); took > slowRound {
			return fmt.Errorf("the care for keys and old records hangs since %v", took.Round(time.Minute))
		}
	}
	if h.Server.Load().Closing {
		return nil
	}
	return h.Server.Alive(ctx)
}

// unlocks tries the passphrase, once for all who ask meanwhile: it may be on a disk that hangs, and so may the keys. That a file
// more cannot be opened says nothing of it, and a moment later one may be.
func (h *Health) unlocks(ctx context.Context) error {
	tried := h.trying.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer cancel()
		return nil, h.Passphrase(ctx)
	})
	var err error
	select {
	case answer := <-tried:
		err = answer.Err
	case <-ctx.Done():
		err = ErrHangs
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return nil
	}
	return err
}

func (h *Health) listens(ctx context.Context) error {
	if h.Server.Load().Closing {
		return errDraining
	}
	return h.Server.Alive(ctx)
}

// reinjects tells how the last copy went. Nobody calls the mail server to find out, which would fill its log.
func (h *Health) reinjects() error {
	last := h.delivery.Load()
	if last == nil || last.result != outbox.Failed {
		return nil
	}
	return fmt.Errorf("the last copy, at %s, did not get through; see the log, and sealmilter check", last.at.UTC().Format(time.RFC3339))
}

// hasRoom tells what is near its limit. More is answered with 4xx, and comes again.
func (h *Health) hasRoom() error {
	load := h.Server.Load()
	if load.InFlight > load.MostInFlight/10*9 {
		return fmt.Errorf("%d of %d octets are in work: [limits] in_flight", load.InFlight, load.MostInFlight)
	}
	for _, k := range load.Connections {
		if k.Kind == "mail" && k.Open*10 > k.Most*9 {
			return fmt.Errorf("%d of %d connections are open: [limits] connections", k.Open, k.Most)
		}
	}
	return nil
}

func (h *Health) worksOn() error {
	if n := h.Server.Load().Stuck; n > 0 {
		return fmt.Errorf("%d messages were given up while the work on them does not end: systemctl restart sealmilter", n)
	}
	return nil
}

// copied notes how a copy went.
func (h *Health) copied(result outbox.Result) {
	h.delivery.Store(&delivered{result, h.Now()})
}
