package sendmail_test

import (
	"strings"
	"testing"
)

// nothingLeaves: while sealmilter is down, nothing is taken from clients, and what programs on this host hand in waits in the queue of
// the command. It is sealed once sealmilter is back, in the name of the users who have handed it in.
func (r *relay) nothingLeaves(t *testing.T) {
	said(t, "451 4.3.2")(r.dial(t, r.Addr).Mail("alice@example.org"))
	said(t, "454 4.3.0")(r.dial(t, r.Addr).AuthPlain("alice", "alice"))

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

// killedInMidMessage kills the milter while a client sends a message: the client is told to try again, and
// nothing has left. The next try, with the milter back, is served as if nothing had happened.
func (r *relay) killedInMidMessage(t *testing.T) {
	milter := r.serve(t, "")
	client := r.login(t)
	said(t, "250")(client.Mail("alice@example.org"))
	said(t, "250")(client.Rcpt("bob@example.net"))
	said(t, "250")(client.Rcpt("erin@example.com"))
	said(t, "354")(client.Command("DATA"))
	const header = "From: alice@example.org\r\nTo: bob@example.net, erin@example.com\r\nMessage-ID: <killed@client.example>\r\nSubject: s\r\n\r\n"
	if err := client.Write([]byte(header + "the first half of the text\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := milter.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := client.Write([]byte(strings.Repeat("more of the text\r\n", 10000) + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	said(t, "451")(client.ReadReply())
	if all := r.sent(t); len(all) != 0 {
		t.Fatalf("%d messages left", len(all))
	}
	if found, err := r.GrepQueue("more of the text"); err != nil || len(found) != 0 {
		t.Errorf("the text is in %q, %v", found, err)
	}

	r.serve(t, "")
	_, last, err := r.login(t).Send("alice@example.org", []string{"bob@example.net", "erin@example.com"}, []byte(header+"the text\r\n"))
	said(t, "250")(last, err)
	if all := r.sent(t); len(all) != 2 || all[0].To == all[1].To {
		t.Errorf("sent: %+v", all)
	}
}
