package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// crowd is a listener that waits with its answers to final dots until as many copies are on their way as it was told of, or
// shall be, and says no to some.
type crowd struct {
	mu      sync.Mutex
	changed *sync.Cond
	open    int // copies that wait for an answer
	most    int
	wait    int // for so many
	// gathered is called when there are so many for the first time, if it is set.
	gathered func()
	refuse   map[string]string
	got      []string
}

// gather is called with each final dot.
func (c *crowd) gather(to string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, to)
	c.open++
	if c.open > c.most {
		c.most = c.open
		c.changed.Broadcast()
		if c.most == c.wait && c.gathered != nil {
			c.gathered()
		}
	}
	for c.most < c.wait {
		c.changed.Wait()
	}
	c.open--
	return c.refuse[to]
}

// join waits for so many as well.
func (c *crowd) join() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.most < c.wait {
		c.changed.Wait()
	}
}

// newCrowd returns a listener that says nothing until wait copies are on their way.
func newCrowd(t *testing.T, wait int) (*crowd, *mta) {
	c := &crowd{wait: wait, refuse: map[string]string{}}
	c.changed = sync.NewCond(&c.mu)
	return c, startMTA(t, &mta{dot: c.gather})
}

func copiesTo(t *testing.T, n int) []outbox.Copy {
	var all []outbox.Copy
	for i := range n {
		all = append(all, copyTo(recipient(t, fmt.Sprintf("r%d@example.net", i))))
		all[i].Class = 1
	}
	return all
}

// all are the addresses of copies, in the order of the alphabet.
func all(copies []outbox.Copy) string {
	var to []string
	for _, c := range copies {
		to = append(to, c.To.Addr.String())
	}
	slices.Sort(to)
	return strings.Join(to, " ")
}

func sorted(got string) string {
	to := strings.Fields(got)
	slices.Sort(to)
	return strings.Join(to, " ")
}

// begin opens an attempt of a message.
func begin(t *testing.T, o *outbox.Outbox, header string) (*outbox.Attempt, *mail.Envelope) {
	t.Helper()
	m := message(t, header)
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	return a, m.Envelope
}

// TestSideBySide has an MTA that answers nothing until four copies are on their way, each of which must be recorded
// before its connection goes on.
func TestSideBySide(t *testing.T) {
	c, q := newCrowd(t, 4)
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	a, env := begin(t, o, "Message-ID: <1@x>\n")
	copies := copiesTo(t, 20)
	refusals, err := a.SendAll(t.Context(), env, copies)
	if err != nil || len(refusals) != 20 || slices.ContainsFunc(refusals, func(f *mail.Failure) bool { return f != nil }) {
		t.Fatalf("%v, refusals %v", err, refusals)
	}
	if got := sorted(q.copies()); got != all(copies) || c.most != 4 || q.opened.count() != 4 {
		t.Errorf("copies went to %s; %d at a time, over %d connections", got, c.most, q.opened.count())
	}
	for _, c := range copies {
		if !a.Sent(c.To) {
			t.Errorf("%s is not on record", c.To.Addr)
		}
	}
	if err := a.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	a.End()
}

// TestFewCopies takes no more connections than half the copies.
func TestFewCopies(t *testing.T) {
	for n, want := range []int{0, 1, 1, 2, 2, 3} {
		_, q := newCrowd(t, want)
		o := outbox.New(q.addr, newLedger(t), time.Now)
		a, env := begin(t, o, "Message-ID: <1@x>\n")
		if _, err := a.SendAll(t.Context(), env, copiesTo(t, n)); err != nil || q.opened.count() != want {
			t.Errorf("%d copies: %v, %d connections", n, err, q.opened.count())
		}
		a.End()
		o.Close()
	}
}

// TestSideBySideRefusals has the MTA refuse some copies for good: the others are sent.
func TestSideBySideRefusals(t *testing.T) {
	c, q := newCrowd(t, 2)
	c.refuse["r3@example.net"], c.refuse["r7@example.net"] = "550 5.7.1 not three", "554 5.6.0 not seven"
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	a, env := begin(t, o, "Message-ID: <1@x>\n")
	defer a.End()
	copies := copiesTo(t, 10)
	refusals, err := a.SendAll(t.Context(), env, copies)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range refusals {
		want := c.refuse[copies[i].To.Addr.String()]
		if (f == nil) != (want == "") || f != nil && (!strings.HasPrefix(want, fmt.Sprint(f.Code)) || !strings.HasSuffix(f.Text, want[10:])) {
			t.Errorf("copy %d: %v, want %q", i, f, want)
		}
		if a.Sent(copies[i].To) != (f == nil) {
			t.Errorf("copy %d is on record: %t", i, f != nil)
		}
	}
}

// TestSideBySideErrors has one copy fail while three others are on their way. These come to their end and are on record; no
// other one is begun, by this try or twice by the next.
func TestSideBySideErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(c *crowd, copies []outbox.Copy)
		code int
		said string
	}{
		{"put off", func(c *crowd, _ []outbox.Copy) { c.refuse["r1@example.net"] = "452 4.3.1 full" }, 452, "452 4.3.1 (the mail server"},
		{"hung up", func(c *crowd, _ []outbox.Copy) { c.refuse["r1@example.net"] = hangUp }, 451, "broke"},
		{"a panic", func(c *crowd, copies []outbox.Copy) {
			copies[1].Body = halfway(func() {
				c.join()
				panic("secret text")
			})
		}, 451, "panic with a string"},
		{"a body", func(c *crowd, copies []outbox.Copy) {
			copies[1].Body = body(func(io.Writer) error {
				c.join()
				return errors.New("boom")
			})
		}, 451, "boom"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, q := newCrowd(t, 3)
			copies := copiesTo(t, 40)
			tc.fail(c, copies)
			o := outbox.New(q.addr, newLedger(t), time.Now)
			defer o.Close()
			a, env := begin(t, o, "Message-ID: <1@x>\n")
			_, err := a.SendAll(t.Context(), env, copies)
			if err == nil || mail.AsFailure(err).Code != tc.code || !strings.Contains(err.Error(), tc.said) ||
				!strings.HasPrefix(err.Error(), "copy for r1@example.net: ") || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v", err)
			}
			got := strings.Fields(q.copies())
			for _, to := range got {
				if failed := to == "r1@example.net"; a.Sent(recipient(t, to)) == failed {
					t.Errorf("%s is on record: %t", to, failed)
				}
			}
			if len(got) > 20 {
				t.Errorf("copies went to %v", got)
			}
			a.End()
			a, env = begin(t, o, "Message-ID: <1@x>\n")
			defer a.End()
			var left []outbox.Copy
			for _, c := range copiesTo(t, 40) {
				if !a.Sent(c.To) {
					left = append(left, c)
				}
			}
			c.mu.Lock()
			clear(c.refuse)
			c.got = nil
			c.mu.Unlock()
			if _, err := a.SendAll(t.Context(), env, left); err != nil {
				t.Fatal(err)
			}
			slices.Sort(c.got)
			if strings.Join(c.got, " ") != all(left) {
				t.Errorf("then copies went to %v", c.got)
			}
		})
	}
}

// body is a function that writes it.
type body func(io.Writer) error

func (b body) WriteTo(w io.Writer) (int64, error) { return 0, b(w) }

// TestClassesFollowEachOther has the last body of each class end when all others of its class are with the MTA:
// meanwhile no other class is begun.
func TestClassesFollowEachOther(t *testing.T) {
	const size, classes = 6, 8
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	open, dots := map[int]int{}, map[int]int{} // by class
	copies := copiesTo(t, size*classes)
	classOf := map[string]int{}
	for i := range copies {
		class := i / size
		copies[i].Class, classOf[copies[i].To.Addr.String()] = class, class
		copies[i].Body = body(func(io.Writer) error {
			mu.Lock()
			defer mu.Unlock()
			for other, n := range open {
				if n > 0 && other != class {
					t.Errorf("class %d is written beside class %d", class, other)
				}
			}
			open[class]++
			for i%size == size-1 && dots[class] < size-1 {
				changed.Wait()
			}
			open[class]--
			return nil
		})
	}
	q := startMTA(t, &mta{dot: func(to string) string {
		mu.Lock()
		defer mu.Unlock()
		dots[classOf[to]]++
		changed.Broadcast()
		return ""
	}})
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	a, env := begin(t, o, "Message-ID: <1@x>\n")
	defer a.End()
	if _, err := a.SendAll(t.Context(), env, copies); err != nil {
		t.Fatal(err)
	}
}

// TestFurtherConnections has many messages at once: each gets a connection, and together they get some more, beside
// those that are kept. Those that the MTA turns away do no harm.
func TestFurtherConnections(t *testing.T) {
	for _, reply := range []string{"", "421 4.3.2 Too many connections", hangUp} {
		var mu sync.Mutex
		open, most, turned := 0, 0, 0
		q := newMTA(t, func(command string) string {
			mu.Lock()
			defer mu.Unlock()
			switch command {
			case "connect":
				if reply != "" && open >= 6 {
					turned++
					return reply
				}
				open++
				most = max(most, open)
			case "QUIT":
				open--
			}
			return ""
		})
		o := outbox.New(q.addr, newLedger(t), time.Now)
		var messages sync.WaitGroup
		first := make(chan bool)
		var begun sync.WaitGroup
		begun.Add(6)
		for i := range 6 {
			a, env := begin(t, o, fmt.Sprintf("Message-ID: <%d@x>\n", i))
			messages.Go(func() {
				defer a.End()
				err := a.Send(t.Context(), env, copyTo(recipient(t, "bob@example.net")))
				begun.Done()
				<-first // each message has its first connection by now
				if err != nil {
					t.Error(err)
				}
				if _, err := a.SendAll(t.Context(), env, copiesTo(t, 20)); err != nil {
					t.Errorf("%q: %v", reply, err)
				}
			})
		}
		begun.Wait()
		close(first)
		messages.Wait()
		if n := len(strings.Fields(q.copies())); n != 6*21 {
			t.Errorf("%q: %d copies", reply, n)
		}
		if most > 6+8+4 || most < 6 {
			t.Errorf("%q: %d connections at a time", reply, most)
		}
		o.Close()
	}
}

// TestSideBySideGivenUp has the client give up while four copies are with the MTA: they are on record, and no other one
// leaves.
func TestSideBySideGivenUp(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	c, q := newCrowd(t, 4)
	c.gathered = giveUp
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	a, env := begin(t, o, "Message-ID: <1@x>\n")
	defer a.End()
	copies := copiesTo(t, 20)
	if _, err := a.SendAll(ctx, env, copies); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	sent := 0
	for _, to := range copies {
		if a.Sent(to.To) {
			sent++
		}
	}
	if sent != 4 || len(c.got) != 4 {
		t.Errorf("%d copies are on record, they went to %v", sent, c.got)
	}
}

// TestSideBySideUnrecorded has the ledger stop taking records while a copy is on its way on each connection: those
// whose final dot is not written yet do not get it.
func TestSideBySideUnrecorded(t *testing.T) {
	ledger := &fullLedger{Ledger: newLedger(t)}
	q := newMTA(t, nil)
	o := outbox.New(q.addr, ledger, time.Now)
	defer o.Close()
	failed := make(chan struct{})
	o.Witness = alarm(func() { close(failed) })
	a, env := begin(t, o, "Message-ID: <1@x>\n")
	defer a.End()
	if err := a.Send(t.Context(), env, copyTo(recipient(t, "bob@example.net"))); err != nil {
		t.Fatal(err)
	}
	copies := copiesTo(t, 4)
	copies[0].Body = halfway(func() { <-failed })
	copies[1].Body = halfway(func() { ledger.full.Store(true) })
	if _, err := a.SendAll(t.Context(), env, copies); err == nil {
		t.Error("no error")
	}
	if got := q.copies(); got != "bob@example.net r1@example.net" {
		t.Errorf("copies went to %q", got)
	}
}

// alarm is a witness that is called when a record could not be made.
type alarm func()

func (alarm) Watch(*net.TCPConn, int, string, []string, time.Time) (forget func()) { return func() {} }

func (a alarm) Remember(string, []string, time.Time) (forget func()) {
	a()
	return func() {}
}
