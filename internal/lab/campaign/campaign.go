package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"sealmilter/internal/lab"
)

// Config says how a campaign is led.
type Config struct {
	// Program is the milter, built from cmd/sealmilter.
	Program string
	// Kills is how many times the milter, its witness or both are killed, and Seed what all chance comes from.
	Kills int
	Seed  uint64
	// Evidence is the folder in which the folder of a campaign lies that broke a promise; "" is the one for temporary files.
	Evidence string
	// Progress gets lines about steps that take long; nil discards them.
	Progress io.Writer
	// Watch, if there is one, is told of the state of things after each kill and at the end of each phase.
	Watch func(Status)
}

// Status is how far a campaign is.
type Status struct {
	Phase                   string
	Fault                   string // that goes on, "" for none
	Kills                   int
	Messages, Done, Arrived int
}

// How much goes on at once, and how long the end of a campaign may take.
const (
	clients   = 6
	programs  = 2
	openers   = 2 // of what arrives, each with one gpg
	calmLimit = 4 * time.Minute
)

// campaign is one that runs.
type campaign struct {
	Config
	dir      string
	site     *site
	daemon   *daemon
	register register
	moments  moments
	trail    *trail
	marks    *marks

	mu     sync.Mutex
	status Status
}

// Run leads a campaign and returns its verdict. The error is one of the campaign, not of the milter. The folder with what
// there is to study is kept, and returned, if a promise broke.
func Run(ctx context.Context, config Config) (verdict *Verdict, evidence string, err error) {
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	c := &campaign{Config: config, trail: newTrail()}
	// In /tmp the path of a Unix socket is short enough, and Postfix's users can walk to it.
	if c.dir, err = os.MkdirTemp(config.Evidence, "sealmilter-campaign-"); err != nil {
		return nil, "", err
	}
	verdict, err = c.run(ctx)
	if err == nil && verdict.Kept() {
		return verdict, "", os.RemoveAll(c.dir)
	}
	return verdict, c.dir, err
}

func (c *campaign) run(ctx context.Context) (verdict *Verdict, err error) {
	strace, err := findStrace(ctx, c.Progress)
	if err != nil {
		return nil, err
	}
	arrivals := make(chan lab.Delivery, 256)
	take := func(d lab.Delivery) {
		c.moments.tell(delivered, seen{})
		select {
		case arrivals <- d:
		case <-ctx.Done():
		}
	}
	c.tell("building the site", "")
	if c.site, err = buildSite(ctx, c.Program, c.dir, chance(actor(c.Seed, "site"), 50), c.Progress, take); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.site.Close()) }()
	c.site.crowded = func() bool { return len(arrivals) == cap(arrivals) }
	if c.daemon, err = startDaemon(ctx, c.site); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.daemon.Close()) }()
	folder := c.site.postfix.Folder()
	if c.marks, err = openMarks(filepath.Join(folder, "queue/public/postlog")); err != nil {
		return nil, err
	}
	defer c.marks.conn.Close()

	following, stopFollowing := context.WithCancel(ctx)
	defer stopFollowing()
	var followers, opening tasks
	followers.start(func() error {
		return follow(following, filepath.Join(folder, "log"), func(line string) {
			if what, s := c.trail.add(line); what != "" {
				c.moments.tell(what, s)
			}
		})
	})
	followers.start(func() error {
		return follow(following, c.daemon.log, func(string) { c.moments.tell(milterSpoke, seen{}) })
	})
	followers.start(func() error { return c.kick(following) })
	inspector := inspector{c.site, &c.register}
	for range openers {
		opening.start(func() error {
			for d := range arrivals {
				inspector.take(ctx, d)
			}
			return nil
		})
	}
	var left []lab.QueueEntry
	if err = c.lead(ctx, strace); err == nil {
		left, err = c.drain(ctx)
	}
	// Whatever the queue still holds arrives no more.
	err = errors.Join(err, c.site.stopSink())
	close(arrivals)
	c.tell("opening what arrived", "")
	err = errors.Join(err, opening.wait())
	stopFollowing()
	if err = errors.Join(err, followers.wait(), ctx.Err()); err != nil {
		return nil, errors.Join(err, c.keepEvidence(nil))
	}
	verdict = judge(&c.register, c.trail)
	verdict.Seed = c.Seed
	for _, entry := range left {
		verdict.add(&verdict.Unanswered, Finding{"unanswered", "", "", fmt.Sprintf("left in the queue %s: %s from %s to %d recipients, %q",
			entry.Queue, entry.ID, entry.Sender, len(entry.Recipients), entry.Recipients[0].Reason)})
	}
	c.searchForClearText(verdict)
	if verdict.Kept() {
		return verdict, nil
	}
	return verdict, c.keepEvidence(verdict)
}

// lead lets clients send and everything fail, until there were enough kills and every client is done.
func (c *campaign) lead(ctx context.Context, strace lab.Tree) error {
	if err := c.warmUp(ctx); err != nil {
		return err
	}
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	calm, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var senders, bad tasks
	for i := range clients {
		name := fmt.Sprintf("client%d", i)
		cl := &client{name, actor(c.Seed, name), c.site, &c.register, &c.moments, i%3 == 0}
		senders.start(func() error { cl.run(calm, writing); return nil })
	}
	for i := range programs {
		name := fmt.Sprintf("cron%d", i)
		p := &program{name, actor(c.Seed, name), c.site, &c.register}
		senders.start(func() error { p.run(calm, writing); return nil })
	}
	storm, endStorm := context.WithCancel(ctx)
	defer endStorm()
	w := &weather{random: actor(c.Seed, "weather"), site: c.site, daemon: c.daemon, marks: c.marks, strace: strace,
		told: func(fault string) { c.tell("", fault) }}
	bad.start(func() error { return w.run(storm) })
	c.tell("killing", "")
	k := &killer{random: actor(c.Seed, "killer"), site: c.site, daemon: c.daemon, moments: &c.moments, marks: c.marks}
	err := k.run(ctx, c.Kills, c.killed)
	endStorm()
	stopWriting()
	err = errors.Join(err, bad.wait())
	c.tell("letting clients come to their end", "")
	tooLong := time.AfterFunc(calmLimit, giveUp)
	defer tooLong.Stop()
	return errors.Join(err, senders.wait())
}

// warmUp has a letter sent to everybody whose key must be looked up, so that all keys are known before anything fails.
func (c *campaign) warmUp(ctx context.Context) error {
	first := &client{"warmup", actor(c.Seed, "warmup"), c.site, &c.register, &c.moments, false}
	l := drawLetter(first.random, first.name, 0, c.site.people, false)
	l.to, l.named, l.size, l.id = nil, nil, 1000, "<warmup@client.example>"
	for _, r := range c.site.people {
		if r.published {
			l.to = append(l.to, r)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rec := c.register.begin(l)
	if first.deliver(ctx, rec); !rec.done {
		return fmt.Errorf("send the first letter: %s", rec.last)
	}
	return nil
}

// kick makes pickup(8) look for mail more often than once a minute, and the queue manager try again, until ctx ends.
func (c *campaign) kick(ctx context.Context) error {
	for pause(ctx, 2*time.Second) {
		for _, service := range [][]string{{"pickup", "W"}, {"qmgr", "W"}} {
			c.site.postfix.Command(ctx, "postkick", "public", service[0], service[1]).Run() // there is a next time
		}
	}
	return nil
}

// drain waits until Postfix has delivered everything, or delivers nothing any more, and returns what is left in its queue.
// What a killed cleanup(8) has not finished is no message.
func (c *campaign) drain(ctx context.Context) ([]lab.QueueEntry, error) {
	c.tell("emptying the queue", "")
	if err := c.site.postfix.Flush(ctx); err != nil {
		return nil, err
	}
	for least, stuck := math.MaxInt, time.Now().Add(calmLimit); ; {
		queue, err := c.site.postfix.Queue(ctx)
		if err != nil || len(queue) == 0 {
			return queue, err
		}
		if len(queue) < least {
			least, stuck = len(queue), time.Now().Add(calmLimit)
		}
		if time.Now().After(stuck) || !pause(ctx, 200*time.Millisecond) {
			return queue, nil
		}
	}
}

func (c *campaign) killed() {
	c.mu.Lock()
	c.status.Kills++
	c.mu.Unlock()
	c.tell("", "-")
}

// tell brings the status up to date: "" leaves the phase, "-" the fault as it was.
func (c *campaign) tell(phase, fault string) {
	if c.Watch == nil {
		return
	}
	letters, done, copies := c.register.counts()
	c.mu.Lock()
	defer c.mu.Unlock()
	if phase != "" {
		c.status.Phase = phase
	}
	if fault != "-" {
		c.status.Fault = fault
	}
	c.status.Messages, c.status.Done, c.status.Arrived = letters, done, copies
	c.Watch(c.status)
}

// findStrace takes the machine's own or Debian's package.
func findStrace(ctx context.Context, progress io.Writer) (lab.Tree, error) {
	if path, err := exec.LookPath("strace"); err == nil && path == "/usr/bin/strace" {
		return lab.Tree{}, nil
	}
	return lab.Unpack(ctx, progress, "strace")
}

// tasks are goroutines that may fail.
type tasks struct {
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func (t *tasks) start(work func() error) {
	t.running.Go(func() {
		if err := work(); err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.errs = append(t.errs, err)
		}
	})
}

// wait returns what failed when all have come to their end.
func (t *tasks) wait() error {
	t.running.Wait()
	return errors.Join(t.errs...)
}
