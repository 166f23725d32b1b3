package postfix_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// processFaults are those of the daemon's means.
var processFaults = []fault{
	{
		name: "no descriptor for the listener in mid-message",
		set: func(t *testing.T, s *sufferer) {
			s.cable.WaitUnused(s.ctx, t)
			s.lift = labtest.Descriptors(t, s.PID())
		},
		lift:  func(_ *testing.T, s *sufferer) { s.lift() },
		mid:   true,
		reply: "451 4.4.1 " + notNow,
		log:   "too many open files",
	},
	{
		name: "no descriptor for a secret key in mid-message",
		set: func(t *testing.T, s *sufferer) {
			s.touch(t)
			s.lift = labtest.Descriptors(t, s.PID())
		},
		lift:  func(_ *testing.T, s *sufferer) { s.lift() },
		mid:   true,
		reply: unusable,
		log:   "too many open files",
	},
}

// outcome is how a message ended for its client.
type outcome struct {
	at    string
	reply lab.Reply
	err   error
}

// start sends a letter on a goroutine of its own. Meanwhile is called between the last RCPT TO and DATA.
func (s *sufferer) start(l letter, meanwhile func()) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		o.at, o.reply, o.err = s.say(l, meanwhile)
		ended <- o
	}()
	return ended
}

// ended waits for the end of a letter and fails the test unless the last reply begins with want.
func (s *sufferer) ended(t *testing.T, letter <-chan outcome, want string) {
	t.Helper()
	select {
	case o := <-letter:
		if o.err != nil || !strings.HasPrefix(flat(o.reply), want) {
			t.Fatalf("at %s the client heard %q, %v, want %q", o.at, flat(o.reply), o.err, want)
		}
	case <-s.ctx.Done():
		t.Fatal(s.ctx.Err())
	}
}

// noDescriptor has a daemon that cannot take Postfix's connection. The client waits, and goes on when the daemon can again.
func (s *sufferer) noDescriptor(t *testing.T) {
	since, l := len(s.Sink.Deliveries()), threefold("no-descriptor", "", nil)
	before := strings.Count(s.Log(), "cannot accept a connection")
	lift := labtest.Descriptors(t, s.PID())
	letter := s.start(l, nil)
	done(t, s.WaitLog(s.ctx, "cannot accept a connection", before+1))
	if !strings.Contains(s.Log(), "too many open files") {
		t.Errorf("the log does not say why:\n%s", s.Log())
	}
	lift()
	s.ended(t, letter, "250")
	s.arrived(t, l, since, whole())
}

// hangups has SIGHUP come again and again while clients send, to one and the same configuration and to another.
func (s *sufferer) hangups(t *testing.T) {
	since := len(s.Sink.Deliveries())
	over := make(chan struct{})
	var storm sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(over)
		storm.Wait()
	})
	defer end()
	storm.Go(func() {
		for range 1000 {
			select {
			case <-over:
				return
			default:
			}
			before := strings.Count(s.Log(), "configuration reloaded")
			if err := errors.Join(s.Signal(syscall.SIGHUP), s.WaitLog(s.ctx, "configuration reloaded", before+1)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var letters []letter
	for i := range 3 {
		var together []<-chan outcome
		for j := range 3 {
			l := threefold(fmt.Sprintf("hangup-%d-%d", i, j), "", whole())
			letters, together = append(letters, l), append(together, s.start(l, nil))
		}
		for _, ended := range together {
			s.ended(t, ended, "250")
		}
	}
	end()
	labtest.WaitEmpty(s.ctx, t, s.mta)
	arrived := s.Sink.Deliveries()[since:]
	if len(arrived) != len(letters)*len(whole()) {
		t.Errorf("%d messages arrived", len(arrived))
	}
	for _, l := range letters {
		mine := slices.DeleteFunc(slices.Clone(arrived), func(d lab.Delivery) bool {
			return !strings.Contains(string(d.Data), "<"+l.id+"@client.example>")
		})
		if err := s.Check(s.ctx, l.parse(t), mine); err != nil {
			t.Errorf("%.2000v", err)
		}
	}
}

// noRoom has one message take most of the room that there is for all, while the listener is silent. Another one is told to
// come back, a small one goes on, and when the first has ended there is room again.
func (s *sufferer) noRoom(t *testing.T) {
	since := len(s.Sink.Deliveries())
	long := 10_000 // lines of 31 octets
	first, second, small := threefold("room-first", "", nil), threefold("room-second", "", nil), threefold("room-small", "", nil)
	first.lines, second.lines = long, long
	s.cable.Break(labtest.Break{Copy: 1, At: labtest.AtText, Hang: true})
	held := s.start(first, nil)
	s.cable.WaitReached(s.ctx, t)
	if _, reply := s.send(t, second, nil); !strings.HasPrefix(flat(reply), "452 4.3.1 The mail encryption service has too much mail in work.") {
		t.Errorf("the client heard %q", flat(reply))
	}
	if _, reply := s.send(t, small, nil); reply.Code != 250 {
		t.Errorf("the client heard %q", flat(reply))
	}
	s.cable.Mend()
	s.ended(t, held, "451")
	s.arrived(t, small, since, whole())
	for _, l := range []letter{first, second} {
		since := len(s.Sink.Deliveries())
		if _, reply := s.send(t, l, nil); reply.Code != 250 {
			t.Errorf("the client heard %q", flat(reply))
		}
		s.arrived(t, l, since, whole())
	}
}

// killedAfterDot has the daemon die (SIGKILL) while Postfix queues a copy, whose answer is on the way for long. As long
// as it is, the client's next tries are told to wait, by the daemon that was started again. Then that knows of the
// copy: everybody gets one.
func (s *sufferer) killedAfterDot(t *testing.T) {
	for copies := range 2 {
		since, l := len(s.Sink.Deliveries()), threefold(fmt.Sprintf("killed-after-dot-%d", copies+1), "", nil)
		s.cable.Break(labtest.Break{Copy: copies + 1, At: labtest.AfterDot, Hang: true})
		first := s.start(l, nil)
		s.cable.WaitReached(s.ctx, t)
		done(t, s.Kill())
		s.ended(t, first, "451")
		done(t, s.Serve(s.ctx))
		const busy = "451 4.4.5 This message is being sent already."
		if _, reply := s.send(t, l, nil); !strings.HasPrefix(flat(reply), busy) {
			t.Errorf("the client heard %q", flat(reply))
		}
		s.cable.Mend()
		reply := lab.Reply{Lines: []string{busy}}
		for strings.HasPrefix(flat(reply), busy) && s.ctx.Err() == nil {
			_, reply = s.send(t, l, nil)
		}
		if reply.Code != 250 {
			t.Errorf("the client heard %q\n%s", flat(reply), s.Log())
		}
		s.arrived(t, l, since, whole())
	}
}

// toldToEnd sends SIGTERM in mid-message. The message goes on to its end, another does not begin, and then the daemon ends.
func (s *sufferer) toldToEnd(t *testing.T) {
	since, l := len(s.Sink.Deliveries()), threefold("told-to-end", "", nil)
	other := threefold("while-it-ends", "", nil)
	if _, reply := s.send(t, l, func() {
		done(t, s.Signal(syscall.SIGTERM))
		done(t, s.WaitLog(s.ctx, "draining", 1))
		if at, reply := s.send(t, other, nil); reply.Code/100 != 4 || at == "DATA" {
			t.Errorf("at %s another client heard %q", at, flat(reply))
		}
	}); reply.Code != 250 {
		t.Errorf("the client heard %q\n%s", flat(reply), s.Log())
	}
	done(t, s.Wait(s.ctx))
	s.arrived(t, l, since, whole())
	done(t, s.Serve(s.ctx))
	since = len(s.Sink.Deliveries())
	if _, reply := s.send(t, other, nil); reply.Code != 250 {
		t.Errorf("the client heard %q", flat(reply))
	}
	s.arrived(t, other, since, whole())
}
