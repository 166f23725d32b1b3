package labtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sealmilter/internal/lab/scenario"
)

// GoOverLimits sends more than the milter takes: recipients, octets in flight and connections. Each time the client is
// told to try again, and does so; in the end everybody has one copy, and nobody has got any past the milter.
func GoOverLimits(ctx context.Context, t testing.TB, w *scenario.World, mta scenario.MTA) {
	const most = 130
	already := len(w.Sink.Deliveries())
	Serve(ctx, t, w, "limits", fmt.Sprintf("[limits]\nrecipients = %d\nconnections = 1\nmessage = 50000\nin_flight = 60000\n", most))
	client := Login(ctx, t, mta.SubmissionAddr(), "alice")
	Said(t, "250")(client.Mail("alice@example.org"))
	for n := range most {
		Said(t, "250")(client.Rcpt(fmt.Sprintf("recipient-%d@example.com", n)))
	}
	Said(t, "452 4.5.3")(client.Rcpt("late@example.com"))
	// The recipients and the text are too much together.
	Said(t, "452 4.3.1")(client.Data([]byte(Message("limits-large", "") + strings.Repeat(Text+"\r\n", 1000))))

	// This client has the only connection. It gets its copies in all the same.
	to := []string{"bob@example.net", "erin@example.com"}
	_, last, err := client.Send("alice@example.org", to, []byte(Message("limits-first", "")+strings.Repeat(Text+"\r\n", 1000)))
	Said(t, "250")(last, err)
	refused := func() bool {
		other := Dial(ctx, t, mta.SubmissionAddr())
		defer other.Drop()
		reply, err := other.Mail("alice@example.org")
		if err != nil || reply.Code != 250 {
			Said(t, "451")(reply, err)
			return true
		}
		return false
	}
	if !refused() {
		t.Error("a second client finds a connection")
	}
	if err := client.Quit(); err != nil {
		t.Fatal(err)
	}
	for refused() { // until the milter has noticed
		if err := ctx.Err(); err != nil {
			t.Fatal(err)
		}
	}
	WaitEmpty(ctx, t, mta)
	arrived := w.Sink.Deliveries()[already:]
	if len(arrived) != len(to) || arrived[0].To == arrived[1].To {
		t.Errorf("%d messages arrived", len(arrived))
	}
	for _, d := range arrived {
		if d.To == to[0] && Clear(d.Data) != nil {
			t.Errorf("%s can read %q", d.To, Clear(d.Data))
		}
	}
}
