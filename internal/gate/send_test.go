package gate_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// unclosedLedger does not let a message be finished.
type unclosedLedger struct {
	outbox.Ledger
	fail bool
}

func (l *unclosedLedger) ExpireSent(ctx context.Context, message string, at, latest, expires time.Time) error {
	if l.fail {
		return errors.New("the disk is full")
	}
	return l.Ledger.ExpireSent(ctx, message, at, latest, expires)
}

// TestWhoeverIsToldOfIsSettled has the end of a message fail after the sender was told of a refused copy. The next try sends
// neither that copy, which the MTA would now take, nor a second notice of it, but one of whoever is refused then.
func TestWhoeverIsToldOfIsSettled(t *testing.T) {
	w := newWorld(t)
	kept, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	ledger := &unclosedLedger{Ledger: kept, fail: true}
	w.Gate.Outbox = outbox.New(w.listener, ledger, time.Now)
	never := &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "never"}
	later := &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
	try := func() (*mail.Edit, error) {
		m := message(t, "alice@example.org")
		return w.submit(t, m, nil, "bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com")
	}
	sentTo := func() string {
		var all []string
		for _, d := range w.queue {
			all = append(all, d.to)
		}
		return strings.Join(all, " ")
	}

	w.refuse["erin@example.com"] = never
	if _, err := try(); code(err) != 451 {
		t.Fatal(err)
	}
	want := "dave@example.net frank@example.com alice@example.org"
	if sentTo() != want {
		t.Fatalf("after the first try copies went to %s, want %s", sentTo(), want)
	}
	if notice := w.queue[2].text; !strings.Contains(notice, "erin@example.com") {
		t.Fatal(notice)
	}

	delete(w.refuse, "erin@example.com")
	w.refuse["alice@example.org"] = later // a second notice would show
	ledger.fail = false
	edit, err := try()
	if err != nil || edit.Discard {
		t.Fatalf("the second try: %v, %+v", err, edit)
	}
	if sentTo() != want {
		t.Errorf("after the second try copies went to %s", sentTo())
	}
	for _, to := range edit.Delete {
		if to.Addr.String() == "bob@example.net" {
			t.Error("bob gets nothing")
		}
	}
	if len(edit.Delete) != 3 {
		t.Errorf("%d recipients are deleted", len(edit.Delete))
	}
}

// TestKeyLostBetweenTwoTries has a key go after the first try has sent a copy to somebody else. The message cannot be
// refused any more, for that copy is out: the sender gets a notice of the one recipient who is left without. Nothing of
// that goes for a message that nobody has yet.
func TestKeyLostBetweenTwoTries(t *testing.T) {
	for _, begun := range []bool{true, false} {
		w := newWorld(t)
		w.Config.Policy.Mode = config.Require
		erin := w.answers["bob@example.net"]
		w.answers["erin@example.com"] = erin
		try := func(meanwhile func()) (*mail.Edit, error) {
			return w.submit(t, message(t, "alice@example.org"), meanwhile, "bob@example.net", "dave@example.net", "erin@example.com")
		}
		if begun {
			w.refuse["erin@example.com"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
			if _, err := try(nil); code(err) != 451 && code(err) != 452 || len(w.queue) != 1 || w.queue[0].to != "dave@example.net" {
				t.Fatalf("the first try: %v, queue %+v", err, w.queue)
			}
		}
		edit, err := try(func() { w.answers["erin@example.com"] = keys.Answer{Status: keys.None, Why: "no source has a key"} })
		if !begun {
			if code(err) != 550 || len(w.queue) != 0 {
				t.Errorf("nobody has it: %v, queue %+v", err, w.queue)
			}
			continue
		}
		if err != nil || edit.Discard {
			t.Fatalf("the second try: %v, %+v", err, edit)
		}
		notices := w.notices()
		if len(w.queue) != 2 || len(notices) != 1 || notices[0].to != "alice@example.org" {
			t.Fatalf("queue %+v", w.queue)
		}
		checkReport(t, notices[0].text, "erin@example.com")
	}
}
