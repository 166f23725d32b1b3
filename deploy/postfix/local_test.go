package postfix_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// host is a Postfix with sealmilter on it.
type host struct {
	*lab.Postfix
	world *scenario.World
}

// startHost starts one with the shipped fragments, but for a change to master.cf and lines behind main.cf.
func startHost(ctx context.Context, t *testing.T, old, new, mainCF string) host {
	t.Helper()
	w := stock.NewWorld(ctx, t, stock.Build(t), false)
	labtest.Serve(ctx, t, w, "local", "")
	config := fragmentsFor(w)
	if !strings.Contains(config.Master, old) {
		t.Fatalf("master.cf has no %q", old)
	}
	config.Main += mainCF
	config.Master = strings.Replace(config.Master, old, new, 1)
	return host{labtest.StartPostfix(ctx, t, config), w}
}

const night = "From: Alice <alice@example.org>\r\nTo: erin@example.com\r\nX-Night: dark\r\nMessage-ID: <night@client.example>\r\n\r\nAll is well tonight.\r\n"

// ruleEnd is where the rule of the shipped header check ends.
const ruleEnd = "PREPEND $$1 } }"

// TestOwnHeaderChecks has header checks behind the shipped one, as the README says, and looks at what the shipped one has
// left of the field that it repeats.
func TestOwnHeaderChecks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	h := startHost(ctx, t, ruleEnd, ruleEnd+" regexp:{ { /^X-Night: (.*)/ REPLACE X-Night: $$1 again } }", "")
	message := []byte(strings.ReplaceAll(night, "\r\n", "\n"))
	for _, to := range []string{"bob@example.net erin@example.com", "erin@example.com"} {
		if err := h.SendmailAs(ctx, "www-data", message, append([]string{"-f", "alice@example.org"}, strings.Fields(to)...)...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.world.Sink.Wait(ctx, 3); err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, d := range h.world.Sink.Deliveries() {
		fields := bytes.Count(d.Data, []byte("from userid"))
		if own += fields; fields > 1 {
			t.Errorf("a copy has the field %d times:\n%s", fields, d.Data)
		}
		if d.To == "erin@example.com" && !bytes.Contains(d.Data, []byte("X-Night: dark again")) {
			t.Errorf("the own header check did not apply:\n%s", d.Data)
		}
	}
	if own != 2 {
		t.Errorf("%d copies have Postfix's own field, want the two that are the message itself", own)
	}
}

// TestWithoutHeaderCheck lacks the shipped header check: not even root's mail leaves, because it could be anybody's, and
// none is lost. A Received field that the message has brought along does not help.
func TestWithoutHeaderCheck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	h := startHost(ctx, t, "  -o { header_checks", "  -o { mime_header_checks", "")
	const forged = "Received: by mx.lab.test (Postfix, from userid 0)\n\tid 4Qabcdef; Mon, 2 Mar 2026 10:00:00 +0100\n"
	message := []byte(forged + strings.ReplaceAll(night, "\r\n", "\n"))
	if err := h.Sendmail(ctx, message, "-f", "alice@example.org", "erin@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := h.WaitLog(ctx, "It cannot be told which user of this host sends this message"); err != nil {
		t.Fatal(err)
	}
	queue, err := h.Queue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(queue) != 1 || queue[0].Queue != "maildrop" || len(h.world.Sink.Deliveries()) != 0 {
		t.Errorf("the queue holds %+v, the sink %+v", queue, h.world.Sink.Deliveries())
	}
}

// TestClientThatIsGone hands in a whole message in one go and closes the connection. The kernel gives the socket to root
// then, who may send as anybody.
func TestClientThatIsGone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	h := startHost(ctx, t, "", "", "default_process_limit = 1\n")
	for range 20 {
		client, err := lab.DialAs(ctx, "games", h.Addr)
		if err != nil {
			t.Fatal(err)
		}
		const all = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<erin@example.com>\r\nDATA\r\n" + night + ".\r\nQUIT\r\n"
		if err := client.Write([]byte(all)); err != nil {
			t.Fatal(err)
		}
		client.Drop()
	}
	// There is one smtpd(8), so that the others have been served when a client that came later is.
	later, err := lab.DialAs(ctx, "www-data", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer later.Drop()
	_, last, err := later.Send("alice@example.org", []string{"carol@example.com"}, []byte(night))
	labtest.Said(t, "250")(last, err)
	labtest.WaitEmpty(ctx, t, h)
	if got := h.world.Sink.Mailbox("erin@example.com"); len(got) != 0 {
		t.Errorf("%d messages of one who was gone were sent:\n%s", len(got), got[0].Data)
	}
	if got := h.world.Sink.Mailbox("carol@example.com"); len(got) != 1 {
		t.Errorf("the one who stayed sent %d messages", len(got))
	}
}
