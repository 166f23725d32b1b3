package outbox_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/outbox"
)

// tally is an Observer that notes what it is told.
type tally struct {
	mu  sync.Mutex
	all []string
}

func (t *tally) Copied(result outbox.Result, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if took <= 0 {
		result = "no time"
	}
	t.all = append(t.all, string(result))
}

// TestObserver has the results of copies counted, whichever way they go.
func TestObserver(t *testing.T) {
	q := newQueue(t, nil)
	q.fail["never@example.net"] = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	q.fail["later@example.net"] = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not now"}
	o := outbox.New(q.addr, newLedger(t), time.Now)
	seen := &tally{}
	o.Observer = seen
	m := message(t, "Message-ID: <1@client.example>\nSubject: x\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"bob@example.net", "never@example.net", "later@example.net"} {
		a.Send(t.Context(), m.Envelope, copyTo(recipient(t, to)))
	}
	if _, err := a.SendAll(t.Context(), m.Envelope, []outbox.Copy{copyTo(recipient(t, "erin@example.net"))}); err != nil {
		t.Fatal(err)
	}
	if l := o.Load(); l.Connections != 1 || l.Unrecorded != 0 {
		t.Errorf("open are %+v", l)
	}
	a.End()
	away := outbox.New("127.0.0.1:1", newLedger(t), time.Now)
	away.Observer = seen
	if a, err = away.Begin(t.Context(), outbox.Identify(m)); err != nil {
		t.Fatal(err)
	}
	a.Check(t.Context(), m.Envelope, nil)
	a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "frank@example.net")))
	a.End()
	if want := []string{"sent", "refused", "deferred", "sent", "failed", "failed"}; !slices.Equal(seen.all, want) {
		t.Errorf("observed %q, want %q", seen.all, want)
	}
}
