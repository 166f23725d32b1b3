package split_test

import (
	"bytes"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// fault is a message that the tests of faults send. Its text stands in it so many times.
func fault(id string, lines int) string {
	return labtest.Message(id, "") + strings.Repeat(labtest.Text+"\r\n", lines-1)
}

// sealed fails the test unless a mailbox has one message, encrypted.
func sealed(t *testing.T, w *scenario.World, mailbox string) {
	t.Helper()
	got := w.Sink.Mailbox(mailbox)
	if len(got) != 1 || !bytes.Contains(got[0].Data, []byte("BEGIN PGP MESSAGE")) {
		t.Fatalf("%s got %d messages: %.2000s", mailbox, len(got), got)
	}
	nothingClear(t, got[0])
}

func nothingClear(t *testing.T, d lab.Delivery) {
	t.Helper()
	if found := labtest.Clear(d.Data); found != nil {
		t.Errorf("%s can read %q:\n%.3000s", d.To, found, d.Data)
	}
}

// retried waits until every recipient of the queue has been tried, and has the queue tried again.
func retried(t *testing.T, r relay, recipients int) {
	t.Helper()
	if err := r.WaitDeferred(r.ctx, recipients); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(r.ctx); err != nil {
		t.Fatal(err)
	}
}

// TestFrontMilterKilledInMidMessage kills the milter while a client sends a message to the front.
func TestFrontMilterKilledInMidMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelay(t, w, "")
	labtest.KillInMidMessage(r.ctx, t, w, r)
}

// TestInnerMilterDown has the milter go away behind the front. The message waits, nobody can read it in the queue, and it
// is sealed when the milter is back: the same program with another life.
func TestInnerMilterDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelayWithDoor(t, w, "")
	milter := serve(t, w, "")
	r.door.set(true, 0)
	r.submit(t, fault("down", 3), "bob@example.net", "dave@example.net")
	if err := r.WaitDeferred(r.ctx, 2); err != nil {
		t.Fatal(err)
	}
	for text, there := range map[string]bool{labtest.Text: false, labtest.Subject: false, "<down@client.example>": true} {
		found, err := r.GrepQueue(text)
		if err != nil || len(found) > 0 != there {
			t.Errorf("%q stands in the queue files %q, %v", text, found, err)
		}
	}
	if err := milter.Kill(); err != nil {
		t.Fatal(err)
	}
	labtest.ServeAgain(r.ctx, t, w, t.Name(), "")
	r.door.set(false, 0)
	retried(t, r, 2)
	labtest.WaitEmpty(r.ctx, t, r)
	sealed(t, w, "bob@example.net")
	sealed(t, w, "dave@example.net")
}

// TestInnerMilterKilledInMidMessage cuts the milter off in each part of the inner dialogue: among the macros and envelope,
// in the header, in the body and just before its end.
func TestInnerMilterKilledInMidMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelayWithDoor(t, w, "")
	serve(t, w, "")
	for i, most := range []int{100, 400, 900, 20_000, 100_000} {
		before := len(w.Sink.Deliveries())
		r.door.set(false, most)
		r.submit(t, fault(strings.Repeat("i", i+1), 3000), "bob@example.net")
		if err := r.WaitDeferred(r.ctx, 1); err != nil {
			t.Fatal(err)
		}
		if got := w.Sink.Deliveries()[before:]; len(got) > 0 {
			t.Fatalf("cut after %d octets, a message left: %.2000s", most, got)
		}
		r.door.set(false, 0)
		retried(t, r, 1)
		labtest.WaitEmpty(r.ctx, t, r)
		got := w.Sink.Deliveries()[before:]
		if len(got) != 1 || got[0].To != "bob@example.net" || !bytes.Contains(got[0].Data, []byte("BEGIN PGP MESSAGE")) {
			t.Fatalf("cut after %d octets, %d messages left: %.2000s", most, len(got), got)
		}
		nothingClear(t, got[0])
	}
}

// TestExpiredBehindTheFront has Postfix give up on a message that could not be sealed: its own bounce to the sender has
// neither text nor Subject.
func TestExpiredBehindTheFront(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelayWithDoor(t, w, "maximal_queue_lifetime = 0\n")
	serve(t, w, "")
	r.door.set(true, 0)
	r.submit(t, fault("expired", 3), "bob@example.net", "erin@example.com")
	labtest.WaitEmpty(r.ctx, t, r)
	got := w.Sink.Deliveries()
	if len(got) != 1 || got[0].To != "alice@example.org" || got[0].From != "" {
		t.Fatalf("%d messages left: %.3000s", len(got), got)
	}
	for _, want := range []string{"multipart/report", "bob@example.net", "erin@example.com", "Message-ID: <expired@client.example>"} {
		if !bytes.Contains(got[0].Data, []byte(want)) {
			t.Errorf("the bounce lacks %q:\n%s", want, got[0].Data)
		}
	}
	nothingClear(t, got[0])
	if !bytes.Contains(got[0].Data, []byte("text/rfc822-headers")) || bytes.Contains(got[0].Data, []byte("message/rfc822")) {
		t.Errorf("the bounce brings the pass back:\n%s", got[0].Data)
	}
}

// TestPolicyChangedBehindTheFront forbids clear text while a message waits for the inner listener.
func TestPolicyChangedBehindTheFront(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelayWithDoor(t, w, "")
	milter := serve(t, w, "")
	r.door.set(true, 0)
	r.submit(t, fault("policy", 3), "bob@example.net", "erin@example.com")
	if err := r.WaitDeferred(r.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := milter.Kill(); err != nil {
		t.Fatal(err)
	}
	labtest.ServeAgain(r.ctx, t, w, t.Name(), "policy.mode = \"require\"\n")
	r.door.set(false, 0)
	retried(t, r, 2)
	labtest.WaitEmpty(r.ctx, t, r)
	sealed(t, w, "bob@example.net")
	notices := w.Sink.Mailbox("alice@example.org")
	if len(notices) != 1 {
		t.Fatalf("alice got %.2000s", notices)
	}
	if named, err := w.Undelivered(r.ctx, notices[0]); err != nil || len(named) != 1 || named[0] != "erin@example.com" {
		t.Errorf("the notice is about %q, %v:\n%.2000s", named, err, notices[0].Data)
	}
	nothingClear(t, notices[0])
	if all := w.Sink.Deliveries(); len(all) != 2 {
		t.Errorf("%d messages left", len(all))
	}
}
