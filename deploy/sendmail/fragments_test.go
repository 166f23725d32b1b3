package sendmail_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// relay is a sendmail with the shipped fragments, and the mail world around it.
type relay struct {
	submission
	ctx   context.Context
	world *scenario.World
	seen  int // deliveries that a test has looked at
}

// TestFragments has what one sendmail shows with the shipped fragments; the milter runs for each part anew.
func TestFragments(t *testing.T) {
	t.Parallel()
	program := stock.Build(t)
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		r := startRelay(t, program)
		t.Run("lines", r.takesEveryLine)
		t.Run("listener for copies", r.listenerIsLocked)
		t.Run("long lines", r.longLinesStay)
		t.Run("recipients of the header", r.hidesBcc)
		t.Run("bounce", r.bouncesWithoutText)
		t.Run("queue", r.queuesNoClearText)
		t.Run("milter down", r.nothingLeaves)
		t.Run("limits", func(t *testing.T) { labtest.GoOverLimits(r.ctx, t, r.world, r) })
		t.Run("milter killed", func(t *testing.T) { labtest.KillInMidMessage(r.ctx, t, r.world, r) })
	})
	t.Run("mapped", func(t *testing.T) {
		t.Parallel()
		r := startRelay(t, program, func(c *lab.SendmailConfig) {
			c.Aliases = "team: erin@example.com, frank@example.com\n"
			c.MC = "MASQUERADE_AS(`masked.example')dnl\nMASQUERADE_DOMAIN(`example.org')dnl\nFEATURE(`masquerade_envelope')dnl\n" + c.MC
			c.MC += "define(`confMAX_DAEMON_CHILDREN', `6')dnl\n"
		})
		t.Run("copies", r.mapsOnce)
		t.Run("busy", r.takesCopiesWhenBusy)
	})
}

// startRelay starts one whose milter does not run yet.
func startRelay(t *testing.T, program string, adjust ...func(*lab.SendmailConfig)) *relay {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	r := &relay{ctx: ctx, world: stock.NewWorld(ctx, t, program, false)}
	r.submission = startFor(ctx, t, r.world, adjust...)
	return r
}

// serve starts the milter with configuration lines, until the test ends.
func (r *relay) serve(t *testing.T, lines string) *lab.Process {
	t.Helper()
	return labtest.Serve(r.ctx, t, r.world, "fragments", lines)
}

// sent returns what has been relayed since the last call, when the queues are empty.
func (r *relay) sent(t *testing.T) []lab.Delivery {
	t.Helper()
	labtest.WaitEmpty(r.ctx, t, r)
	all := r.world.Sink.Deliveries()
	fresh := all[r.seen:]
	r.seen = len(all)
	return fresh
}

// login connects as alice.
func (r *relay) login(t *testing.T) *lab.Client {
	t.Helper()
	return labtest.Login(r.ctx, t, r.Addr, "alice")
}

// play runs a case of the test's own, written as those of the package scenario.
func (r *relay) play(t *testing.T, name, text string) {
	t.Helper()
	c, err := scenario.ParseCase(name, "sendmail", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.world.Play(r.ctx, c, r.submission); err != nil {
		t.Error(err)
	}
	r.sent(t)
}

// takesEveryLine: the fragments arrive in sendmail's configuration as they are meant, and sendmail has nothing to say about
// them.
func (r *relay) takesEveryLine(t *testing.T) {
	filter := "inet:" + strings.TrimPrefix(r.world.Listen, "127.0.0.1:") + "@127.0.0.1"
	copies := strings.TrimPrefix(r.world.Reinject, "127.0.0.1:")
	submit := strings.TrimPrefix(r.submit, "127.0.0.1:")
	for name, wants := range map[string][]string{
		"sendmail.cf": {
			"\nXsealmilter, S=" + filter + ", F=T, T=C:10s;S:30s;R:60s;E:10m\n",
			"\nO InputMailFilters=sealmilter\n",
			"\nO DaemonPortOptions=Family=inet, Name=SEALCOPIES, Port=" + copies + ", Addr=127.0.0.1, M=ACES, children=0, refuseLA=0, delayLA=0, InputMailFilters=sealmilter\n",
			"\nO DaemonPortOptions=Family=inet, Name=LOCALSUBMIT, Port=" + submit + ", Addr=127.0.0.1, M=AES\n",
			"\nO MaxMimeHeaderLength=0/0\n",
			"\nMesmtp,\t\tP=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=2040,\n",
		},
		"submit.cf": {
			"\n\t\tA=TCP $h " + submit + "\n",
			"\nO PrivacyOptions=nobodyreturn\n",
			"\nO PrivacyOptions=goaway,noetrn,restrictqrun\n",
		},
	} {
		cf, err := r.Configuration(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(cf, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
	if log := r.Log(); strings.Contains(log, "SYSERR") || strings.Contains(log, "Warning") {
		t.Error("sendmail complains")
	}
}

// listenerIsLocked: the loopback listener lets nobody in but the program, however much a client is trusted, and nobody at
// all while the program does not answer. That it lets the program in is seen wherever a message has several recipients.
func (r *relay) listenerIsLocked(t *testing.T) {
	early := labtest.Dial(r.ctx, t, r.world.Reinject)
	labtest.Said(t, "451 4.3.2")(early.Mail("alice@example.org"))

	r.serve(t, "")
	stranger := labtest.Dial(r.ctx, t, r.world.Reinject)
	labtest.Unannounced(t, stranger, "AUTH", "STARTTLS", "ETRN")
	labtest.Said(t, "5")(stranger.AuthPlain("alice", "alice"))
	labtest.Said(t, "5")(stranger.Command("ETRN example.net"))
	for range 2 {
		labtest.Said(t, "550 5.7.1")(stranger.Mail("alice@example.org"))
		labtest.Said(t, "550 5.7.1")(stranger.Mail(""))
		labtest.Said(t, "503")(stranger.Rcpt("bob@example.net"))
		labtest.Said(t, "250")(stranger.Command("RSET"))
	}

	// While copies come in, a stranger gains nothing.
	client := r.login(t)
	header := "From: alice@example.org\r\nTo: bob@example.net, dave@example.net\r\nSubject: s\r\n\r\n"
	_, last, err := client.Send("alice@example.org", []string{"bob@example.net", "dave@example.net"}, []byte(header+"text\r\n"))
	labtest.Said(t, "250")(last, err)
	labtest.Said(t, "550 5.7.1")(stranger.Mail("alice@example.org"))
	if all := r.sent(t); len(all) != 2 {
		t.Errorf("%d messages were relayed, want 2", len(all))
	}
	if !strings.Contains(r.Log(), "daemon=SEALCOPIES") {
		t.Error("no copy came in by the loopback listener")
	}
}

// mapsOnce: aliases are expanded once, behind sealmilter, whether a member is a recipient, too, or not: the members get the
// copy made for the alias. The outer sender is rewritten once in all copies.
func (r *relay) mapsOnce(t *testing.T) {
	r.serve(t, "")
	for _, recipients := range [][]string{
		{"team@mx.lab.test", "erin@example.com", "bob@example.net"},
		{"bob@example.net", "erin@example.com", "team@mx.lab.test"},
	} {
		client := r.login(t)
		header := "From: alice@example.org\r\nTo: " + strings.Join(recipients, ", ") + "\r\nSubject: s\r\n\r\n"
		_, last, err := client.Send("alice@example.org", recipients, []byte(header+"text\r\n"))
		labtest.Said(t, "250")(last, err)
		got := map[string]int{}
		for _, d := range r.sent(t) {
			got[d.To]++
			if d.From != "alice@masked.example" || !strings.Contains(string(d.Data), "\r\nFrom: alice@masked.example\r\n") {
				t.Errorf("%s got a message from %s:\n%s", d.To, d.From, d.Data)
			}
		}
		if len(got) != 3 || got["bob@example.net"] != 1 || got["erin@example.com"] != 2 || got["frank@example.com"] != 1 {
			t.Errorf("for %q there are messages %v", recipients, got)
		}
	}
}

// takesCopiesWhenBusy: clients that take up all connections there may be do not keep a copy out.
func (r *relay) takesCopiesWhenBusy(t *testing.T) {
	r.serve(t, "")
	client := r.login(t)
	for n := 0; ; n++ {
		idle, err := lab.Dial(r.ctx, r.Addr)
		if err != nil {
			break // sendmail listens for no more of them
		}
		defer idle.Drop()
		if n == 20 {
			t.Fatal("the number of connections has no limit")
		}
	}
	const header = "From: alice@example.org\r\nTo: bob@example.net, erin@example.com\r\nSubject: s\r\n\r\n"
	_, last, err := client.Send("alice@example.org", []string{"bob@example.net", "erin@example.com"}, []byte(header+"text\r\n"))
	labtest.Said(t, "250")(last, err)
	if all := r.sent(t); len(all) != 2 {
		t.Errorf("%d messages were relayed, want 2", len(all))
	}
}

// longLinesStay: lines as long as a signed message may have pass through the mailer that would break them.
func (r *relay) longLinesStay(t *testing.T) {
	r.play(t, "long-lines", `Lines of 998 octets.
-- dialogue --
> AUTH alice
> MAIL FROM:<alice@example.org>
< 250
> RCPT TO:<erin@example.com>
< 250
> DATA message
< 250
-- message --
From: Alice <alice@example.org>
To: erin@example.com
Subject: Long lines
Date: Mon, 2 Mar 2026 10:00:00 +0100
Message-ID: <long-lines@client.example>

{{repeat 998 x}}
{{repeat 991 y}}
-- mailboxes --
erin@example.com: signed
`)
}

// hidesBcc: the command takes the recipients from the header, and nobody learns of those in Bcc.
func (r *relay) hidesBcc(t *testing.T) {
	r.play(t, "bcc", `Recipients in the header.
-- dialogue --
> sendmail message -t -f alice@example.org
-- message --
From: Alice <alice@example.org>
To: bob@example.net
Bcc: dave@example.net, erin@example.com
Subject: Not for everybody to see
Date: Mon, 2 Mar 2026 10:00:00 +0100
Message-ID: <bcc@client.example>

Who else gets this is nobody's business.
-- mailboxes --
bob@example.net: encrypted
dave@example.net: encrypted
erin@example.com: signed
-- hidden --
bob@example.net: dave@
bob@example.net: erin@
dave@example.net: erin@
erin@example.com: dave@
`)
}

// queuesNoClearText: a message that has to wait for the next hop waits encrypted.
func (r *relay) queuesNoClearText(t *testing.T) {
	r.serve(t, "")
	r.world.Sink.Refuse("bob@example.net", "451 4.2.0 Not now")
	const secret = "What nobody else must know."
	header := "From: alice@example.org\r\nTo: bob@example.net\r\nSubject: s\r\n\r\n"
	_, last, err := r.login(t).Send("alice@example.org", []string{"bob@example.net"}, []byte(header+strings.Repeat(secret+"\r\n", 1000)))
	labtest.Said(t, "250")(last, err)
	if found, err := r.GrepQueue("BEGIN PGP MESSAGE"); err != nil || len(found) != 1 {
		t.Errorf("an encrypted message is in %q, %v", found, err)
	}
	if found, err := r.GrepQueue(secret); err != nil || len(found) != 0 {
		t.Errorf("the text is in %q, %v", found, err)
	}
	r.world.Sink.Refuse("bob@example.net", "")
	if all := r.sent(t); len(all) != 1 {
		t.Errorf("sent: %+v", all)
	}
}

// bouncesWithoutText: a message that sendmail itself refuses from a local program comes back once and without its text,
// also to a sender who can only get clear text.
func (r *relay) bouncesWithoutText(t *testing.T) {
	r.serve(t, "")
	const secret = "What nobody else must know."
	for sender, encrypted := range map[string]bool{"alice@example.org": true, "nokey@example.org": false} {
		message := "From: " + sender + "\nTo: nosuchuser@mx.lab.test\nSubject: s\n\n" + secret + "\n"
		if err := r.Sendmail(r.ctx, []byte(message), "-f", sender, "nosuchuser@mx.lab.test"); err == nil {
			t.Error("the command does not tell of an unknown user")
		}
		all := r.sent(t)
		if len(all) != 1 || all[0].To != sender || all[0].From != "" {
			t.Fatalf("sent: %+v", all)
		}
		text := string(all[0].Data)
		if strings.Contains(text, "multipart/encrypted") != encrypted || strings.Contains(text, secret) {
			t.Errorf("what came back to %s:\n%s", sender, text)
		}
	}
}
