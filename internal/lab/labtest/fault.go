package labtest

import (
	"context"
	"strings"
	"testing"

	"sealmilter/internal/lab/scenario"
)

// Queue is an MTA whose queue can be searched.
type Queue interface {
	scenario.MTA
	// GrepQueue returns the names of the queue's files whose raw bytes hold text.
	GrepQueue(text string) ([]string, error)
}

// KillInMidMessage kills the milter while a client sends a message: the client is told to try again, nothing has left,
// and the text is not in the queue. The next try, with the milter back, is served as if nothing had happened. The milter
// runs until the test ends.
func KillInMidMessage(ctx context.Context, t testing.TB, w *scenario.World, mta Queue) {
	already := len(w.Sink.Deliveries())
	milter := Serve(ctx, t, w, "killed", "")
	to := []string{"bob@example.net", "erin@example.com"}
	client := Login(ctx, t, mta.SubmissionAddr(), "alice")
	Said(t, "250")(client.Mail("alice@example.org"))
	for _, recipient := range to {
		Said(t, "250")(client.Rcpt(recipient))
	}
	Said(t, "354")(client.Command("DATA"))
	message := Message("killed", "")
	if err := client.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
	if err := milter.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := client.Write([]byte(strings.Repeat(Text+"\r\n", 10000) + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	Said(t, "451")(client.ReadReply())
	WaitEmpty(ctx, t, mta)
	if left := w.Sink.Deliveries()[already:]; len(left) != 0 {
		t.Fatalf("%d messages left", len(left))
	}
	if found, err := mta.GrepQueue(Text); err != nil || len(found) != 0 {
		t.Errorf("the text is in %q, %v", found, err)
	}

	ServeAgain(ctx, t, w, "killed", "")
	Said(t, "250")(Submit(ctx, t, mta.SubmissionAddr(), message, to...))
	WaitEmpty(ctx, t, mta)
	arrived := w.Sink.Deliveries()[already:]
	if len(arrived) != 2 || arrived[0].To == arrived[1].To {
		t.Errorf("%d messages arrived: %.2000s", len(arrived), arrived)
	}
	for _, d := range arrived {
		if d.To == to[0] && Clear(d.Data) != nil {
			t.Errorf("%s can read %q", d.To, Clear(d.Data))
		}
	}
}
