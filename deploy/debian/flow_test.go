package debian_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

// flow is a client that sends one message after the other, each again and again until the mail server takes it.
type flow struct {
	h       *systemdHost
	stop    context.CancelFunc
	done    chan struct{}
	taken   atomic.Int64 // by the mail server
	put     atomic.Int64 // off by it
	refused []string     // replies for good, which nobody should get
}

const flowSecret = "We meet at the old mill."

// startFlow starts the client, until stop is called.
func (h *systemdHost) startFlow() *flow {
	ctx, stop := context.WithCancel(h.ctx)
	f := &flow{h: h, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			f.deliver(fmt.Sprintf("flow-%d-%d@example.org", h.flows, f.taken.Load()))
		}
	}()
	h.flows++
	return f
}

// deliver sends a message until it is taken, refused for good, or the test is over.
func (f *flow) deliver(id string) {
	message := "From: alice@example.org\r\nTo: bob@example.net, carol@example.com\r\nMessage-ID: <" + id + ">\r\n" +
		"Subject: s\r\n\r\n" + flowSecret + "\r\n"
	for f.h.ctx.Err() == nil {
		reply, err := f.h.send(message)
		switch {
		case err == nil && reply.Code == 250:
			f.taken.Add(1)
			return
		case err == nil && reply.Code >= 500:
			f.refused = append(f.refused, reply.String())
			return
		}
		f.put.Add(1)
		select {
		case <-f.h.ctx.Done():
		case <-time.After(100 * time.Millisecond): // as a client does, only sooner
		}
	}
}

// send hands a message in at port 25, for bob who has a key and carol who has none, and returns the reply that decides.
func (h *systemdHost) send(message string) (last lab.Reply, err error) {
	err = h.Inside(func() error {
		client, err := lab.Dial(h.ctx, "127.0.0.1:25")
		if err != nil {
			return err
		}
		defer client.Drop()
		var rcpt []lab.Reply
		rcpt, last, err = client.Send("alice@example.org", []string{"bob@example.net", "carol@example.com"}, []byte(message))
		for _, reply := range rcpt {
			if err == nil && reply.Code != 250 {
				last = reply // one of them alone would be sent again to both
			}
		}
		return err
	})
	return last, err
}

// waitTaken waits until the mail server has taken so many more messages.
func (f *flow) waitTaken(t *testing.T, more int64) {
	t.Helper()
	f.h.until(t, "mail flows", func() bool { return f.taken.Load() >= more })
}

// end stops the client and holds every message that was taken to having arrived once, sealed for bob.
func (f *flow) end(t *testing.T, after int) {
	t.Helper()
	f.stop()
	<-f.done
	for _, reply := range f.refused {
		t.Errorf("mail was refused: %s", reply)
	}
	taken := int(f.taken.Load())
	t.Logf("%d messages were taken, and %d tries put off", taken, f.put.Load())
	ctx, cancel := context.WithTimeout(f.h.ctx, 3*time.Minute)
	defer cancel()
	all, err := f.h.sink.Wait(ctx, after+2*taken)
	if err != nil {
		t.Fatalf("%d of %d copies have arrived: %v", len(f.h.sink.Deliveries())-after, 2*taken, err)
	}
	times := make(map[string]int)
	for _, d := range all[after:] {
		id := messageID.FindSubmatch(d.Data)
		if id == nil {
			t.Fatalf("a message has no Message-ID:\n%s", d.Data)
		}
		times[d.To+" "+string(id[1])]++
		sealed := bytes.Contains(d.Data, []byte("BEGIN PGP MESSAGE")) && !bytes.Contains(d.Data, []byte(flowSecret))
		if sealed != (d.To == "bob@example.net") || !bytes.Contains(d.Data, []byte("BEGIN PGP")) {
			t.Errorf("%s got\n%s", d.To, d.Data)
		}
	}
	for what, n := range times {
		if n != 1 {
			t.Errorf("%s has arrived %d times", what, n)
		}
	}
	if len(times) != 2*taken {
		t.Errorf("%d copies are there, not %d", len(times), 2*taken)
	}
}
