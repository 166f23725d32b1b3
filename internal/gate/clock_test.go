package gate_test

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// clock is the clock of a host. It may jump.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

const day = 24 * time.Hour

// newClocked is a gate whose keys, certificates and records are in a store, with one clock for all of them. Alice's key
// lives for thirty days from now, and bob's for ten.
func newClocked(t *testing.T) (*world, *clock) {
	t.Helper()
	w, c := newWorld(t), &clock{at: time.Now().Truncate(time.Second)}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "sealmilter.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	local := keys.NewLocal(s, c.Now)
	senders := keys.NewSenders(s, local, keys.SendersOptions{Dir: filepath.Join(t.TempDir(), "secret"), Now: c.Now, Rand: rand.Reader})
	if _, err := senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 30 * day}); err != nil {
		t.Fatal(err)
	}
	for to, lifetime := range map[string]time.Duration{"bob@example.net": 10 * day, "dave@example.net": 0} {
		secret, err := crypto.Generate(addr(t, to), crypto.GenerateOptions{Now: c.Now(), Rand: rand.Reader, Lifetime: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		err = local.Import(t.Context(), bytes.NewReader(secret.Cert().Bytes()), keys.ImportOptions{}, func(i keys.Imported) {
			if i.Err != nil {
				t.Error(i.Err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Certificates, w.Signers = keys.NewDirectory(s, []keys.Source{local}, keys.Options{Now: c.Now}), senders
	w.Composer = &pgpmime.Composer{Sealer: &crypto.Sealer{Now: c.Now, Rand: rand.Reader}, Rand: rand.Reader}
	w.Outbox, w.Now = outbox.New(w.listener, s, c.Now), c.Now
	return w, c
}

// toThree sends the message to bob, dave and erin, and returns who has got a copy in the end, the one that the message
// itself becomes included.
func (w *world) toThree(t *testing.T, meanwhile func()) (got []string, err error) {
	t.Helper()
	to := []string{"dave@example.net", "bob@example.net", "erin@example.com"}
	before := len(w.queue)
	edit, err := w.submit(t, message(t, "alice@example.org"), meanwhile, to...)
	if err == nil && !edit.Discard {
		kept := slices.DeleteFunc(to, func(s string) bool {
			return slices.ContainsFunc(edit.Delete, func(r mail.Recipient) bool { return r.Raw == "<"+s+">" })
		})
		got = append(got, kept...)
		w.wantSealed(t, kept[0], text(t, edit))
	}
	for _, d := range w.queue[before:] {
		got = append(got, d.to)
		w.wantSealed(t, d.to, d.text)
	}
	if edit != nil && edit.Answer != nil {
		edit.Answer()
	}
	if edit != nil && edit.Done != nil {
		edit.Done()
	}
	slices.Sort(got)
	return got, err
}

// wantSealed makes sure that nobody but erin, who has no key, gets clear text.
func (w *world) wantSealed(t *testing.T, to, text string) {
	t.Helper()
	if to != "erin@example.com" && strings.Contains(text, "secret") {
		t.Errorf("%s can read\n%s", to, text)
	}
}

var three = []string{"bob@example.net", "dave@example.net", "erin@example.com"}

// TestClockJumps has the clock jump in mid-message. What was true at RCPT TO may be false at the end: then nothing leaves,
// and when the clock is right again the next try is served.
func TestClockJumps(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   time.Duration
		log  string
	}{
		{"beyond the end of the sender's key", 31 * day, "of alice@example.org: its certificate expired on"},
		{"to before the sender's key was made", -day, "of alice@example.org: its certificate is valid only from"},
		{"beyond the end of a recipient's key", 11 * day, "the key that was there when the recipient was accepted is gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, c := newClocked(t)
			got, err := w.toThree(t, func() { c.jump(tc.by) })
			if f := mail.AsFailure(err); err == nil || f.Code != 451 || f.Enhanced != "4.7.5" || len(got) > 0 {
				t.Errorf("%v, sent to %q", err, got)
			}
			if !strings.Contains(w.log.String(), tc.log) {
				t.Errorf("the log does not say %q:\n%s", tc.log, w.log.String())
			}
			c.jump(-tc.by)
			if got, err := w.toThree(t, nil); err != nil || !slices.Equal(got, three) {
				t.Errorf("then: %v, sent to %q", err, got)
			}
		})
	}
}

// TestClockJumpsBetweenTries has the clock jump between a try that failed half-way and the next one: no copy is sent twice,
// and none is left out.
func TestClockJumpsBetweenTries(t *testing.T) {
	for name, by := range map[string]time.Duration{"forwards": 3 * day, "a little back": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			w, c := newClocked(t)
			w.refuse["erin@example.com"] = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "No room"}
			first, err := w.toThree(t, nil)
			if code(err) != 451 || len(first) == 0 {
				t.Fatalf("%v, sent to %q", err, first)
			}
			delete(w.refuse, "erin@example.com")
			c.jump(by)
			if by < 0 {
				// The keys were made in this very second, and are not valid before.
				if _, err := w.toThree(t, nil); code(err) != 451 {
					t.Errorf("with keys of the future: %v", err)
				}
				c.jump(-by)
			}
			second, err := w.toThree(t, nil)
			if got := slices.Sorted(slices.Values(append(first, second...))); err != nil || !slices.Equal(got, three) {
				t.Errorf("%v, sent to %q, then to %q", err, first, second)
			}
		})
	}
}
