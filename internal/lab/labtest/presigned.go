package labtest

import (
	"context"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/presigned"
	"sealmilter/internal/lab/scenario"
)

// Presigned returns messages that their client has signed. The keys for that go with the test.
func Presigned(t testing.TB) []presigned.Message {
	t.Helper()
	author, err := presigned.NewAuthor(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, author.Close)
	messages, err := author.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// SignaturesSurvive sends messages that their client has signed through an MTA, to a recipient with a key and one without.
// Either finds the client's signature good in what arrives.
func SignaturesSurvive(t *testing.T, w *scenario.World, mta scenario.MTA) {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	messages := Presigned(t)
	Serve(ctx, t, w, "presigned", "")
	for _, m := range messages {
		t.Run(m.Name, func(t *testing.T) {
			already := len(w.Sink.Deliveries())
			client := Login(ctx, t, mta.SubmissionAddr(), "alice")
			Said(t, "250")(client.Mail("alice@example.org", "BODY=8BITMIME"))
			for _, to := range []string{"bob@example.net", "erin@example.com"} {
				Said(t, "250")(client.Rcpt(to))
			}
			Said(t, "250")(client.Data(m.Octets))
			WaitEmpty(ctx, t, mta)
			arrived := w.Sink.Deliveries()[already:]
			if len(arrived) != 2 {
				t.Fatalf("%d messages arrived, not 2", len(arrived))
			}
			for _, d := range arrived {
				checkPresigned(ctx, t, w, d, m)
			}
		})
	}
}

func checkPresigned(ctx context.Context, t *testing.T, w *scenario.World, d lab.Delivery, m presigned.Message) {
	t.Helper()
	opened, err := w.Open(ctx, d)
	if err == nil && (!opened.Signed || opened.Encrypted != (d.To == "bob@example.net")) {
		t.Errorf("to %s: encrypted %t, signed %t", d.To, opened.Encrypted, opened.Signed)
	}
	if err == nil {
		err = m.Verify(ctx, opened.Payload)
	}
	if err != nil {
		t.Errorf("to %s: %v\n%.6000s", d.To, err, d.Data)
	}
}
