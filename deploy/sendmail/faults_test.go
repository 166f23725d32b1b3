package sendmail_test

import (
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// nothingLeaves: while sealmilter is down, nothing is taken from clients, and what programs on this host hand in waits
// in the queue of the command. It is sealed once sealmilter is back, in the name of the users who have handed it in.
func (r *relay) nothingLeaves(t *testing.T) {
	labtest.Said(t, "451 4.3.2")(labtest.Dial(r.ctx, t, r.Addr).Mail("alice@example.org"))
	labtest.Said(t, "454 4.3.0")(labtest.Dial(r.ctx, t, r.Addr).AuthPlain("alice", "alice"))

	const secret = "What nobody else must know."
	const text = "From: alice@example.org\nTo: bob@example.net\nSubject: s\n\n" + secret + "\n"
	if err := r.Sendmail(r.ctx, []byte(text), "-f", "alice@example.org", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := r.SendmailAs(r.ctx, "www-data", []byte(text), "-f", "alice@example.org", "dave@example.net"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		queue, err := r.Queue()
		if err != nil {
			t.Fatal(err)
		}
		if len(queue) != 2 || !strings.HasPrefix(queue[0], "clientmqueue/") || !strings.HasPrefix(queue[1], "clientmqueue/") {
			t.Errorf("the queues hold %q", queue)
		}
		if err := r.RunQueues(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if all := r.world.Sink.Deliveries()[r.seen:]; len(all) != 0 {
		t.Fatalf("sent: %+v", all)
	}

	r.serve(t, "")
	all := r.sent(t)
	for _, d := range all {
		if d.From != "alice@example.org" || !strings.Contains(string(d.Data), "BEGIN PGP MESSAGE") || strings.Contains(string(d.Data), secret) {
			t.Errorf("sent: %+v", d)
		}
	}
	if len(all) != 2 || all[0].To == all[1].To {
		t.Errorf("sent: %+v", all)
	}
}
