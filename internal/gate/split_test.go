package gate_test

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// passKey is the key of an installation.
type passKey []byte

func (k *passKey) PassKey(_ context.Context, candidate []byte) ([]byte, error) {
	if *k == nil {
		*k = bytes.Clone(candidate)
	}
	return *k, nil
}

// newSplit is a gate behind an MTA that splits messages.
func newSplit(t *testing.T) *world {
	w := newWorld(t)
	w.Passes = new(passKey)
	return w
}

// fromClient is a message at the front listener.
func fromClient(t *testing.T, from string) *mail.Message {
	m := message(t, from)
	m.Envelope.Daemon = mail.DaemonFront
	return m
}

// carried is the message that the front listener's edit has made, as the MTA brings it to the inner one.
func carried(t *testing.T, edit *mail.Edit) *mail.Message {
	t.Helper()
	if edit == nil || edit.Header == nil || edit.Body == nil || len(edit.Delete) > 0 || edit.Discard {
		t.Fatalf("no pass was made: %+v", edit)
	}
	h, body := mail.SplitMessage([]byte("Received: by front\r\n" + string(edit.Header.AppendTo(nil)) + "\r\n" + text(t, &mail.Edit{Body: edit.Body})))
	return &mail.Message{Header: h, Body: body, Envelope: &mail.Envelope{
		Sender: addr(t, "rewritten@example.org"), RawSender: "<rewritten@example.org>", Daemon: mail.DaemonInner,
		Client: netip.MustParseAddr("127.0.0.1"), ClientPort: 40000, QueueID: "5Q"}}
}

// accepted returns what the MTA is told of a message, and fails the test if that was refused.
func accepted(t *testing.T) func(*mail.Edit, error) *mail.Edit {
	t.Helper()
	return func(edit *mail.Edit, err error) *mail.Edit {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return edit
	}
}

// sealInner brings a front listener's edit to the inner one, for one recipient.
func (w *world) sealInner(t *testing.T, edit *mail.Edit, to string) (*mail.Edit, error) {
	t.Helper()
	return w.submit(t, carried(t, edit), nil, to)
}

func TestSplitSealsEachForItself(t *testing.T) {
	w := newSplit(t)
	edit := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com"))
	if between := text(t, edit); strings.Contains(between, "secret") || strings.Contains(between, "bob@example.net") {
		t.Errorf("the MTA's queue shows\n%s", between)
	}
	for to, clear := range map[string]bool{"bob@example.net": false, "erin@example.com": true} {
		sealed := accepted(t)(w.sealInner(t, edit, to))
		got := text(t, sealed)
		if strings.Contains(got, secretText) != clear || !strings.Contains(got, "Received: by front") || !strings.Contains(got, "Message-ID: <1@client.example>") {
			t.Errorf("%s gets\n%s", to, got)
		}
		if strings.Contains(got, "x-sealmilter-pass") {
			t.Errorf("%s gets the pass, too:\n%s", to, got)
		}
	}
	if len(w.queue) != 0 {
		t.Errorf("the outbox sent %+v", w.queue)
	}
}

// TestSplitKeepsTheLogin has each login write as itself and as another.
func TestSplitKeepsTheLogin(t *testing.T) {
	w := newSplit(t)
	m := fromClient(t, "alice@example.org")
	m.Envelope.Login = "eve@example.org"
	if _, err := w.submit(t, m, nil, "bob@example.net"); code(err) != 550 {
		t.Errorf("the front let eve send as alice: %v", err)
	}
	edit := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net"))
	// What was allowed at the front may be forbidden meanwhile.
	w.Config.Senders.Logins["alice@example.org"] = nil
	sealed, err := w.sealInner(t, edit, "bob@example.net")
	if err != nil || !sealed.Discard {
		t.Errorf("%+v, %v", sealed, err)
	}
	if len(w.queue) != 1 || w.queue[0].to != "alice@example.org" || strings.Contains(w.queue[0].text, "secret") {
		t.Errorf("the notice is %+v", w.queue)
	}
}

// TestInnerHoldsTheSenderAgainstTheLogin forbids the envelope sender meanwhile, and not the author.
func TestInnerHoldsTheSenderAgainstTheLogin(t *testing.T) {
	w := newSplit(t)
	w.Config.Senders.Logins["alice@example.org"] = append(pattern(t, "alice@example.org"), pattern(t, "desk@example.org")...)
	m := fromClient(t, "alice@example.org")
	m.Envelope.Sender, m.Envelope.RawSender = addr(t, "desk@example.org"), "<desk@example.org>"
	edit := accepted(t)(w.submit(t, m, nil, "bob@example.net"))
	w.Config.Senders.Logins["alice@example.org"] = pattern(t, "alice@example.org")
	if sealed, err := w.sealInner(t, edit, "bob@example.net"); err != nil || !sealed.Discard || len(w.queue) != 1 || strings.Contains(w.queue[0].text, "secret") {
		t.Errorf("%+v, %v, %+v", sealed, err, w.queue)
	}
}

func TestInnerTakesNothingWithoutAPass(t *testing.T) {
	w := newSplit(t)
	good := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net"))
	stranger := newSplit(t)
	foreign, err := stranger.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	old := w.Now
	for name, tc := range map[string]struct {
		now  time.Duration
		edit *mail.Edit
		want int
	}{
		"good":            {0, good, 250},
		"six days":        {6 * 24 * time.Hour, good, 250},
		"eight days":      {8 * 24 * time.Hour, good, 550},
		"from the future": {-2 * time.Hour, good, 550},
		"another house":   {0, foreign, 550},
		"none":            {0, &mail.Edit{Header: message(t, "alice@example.org").Header, Body: strings.NewReader(secretText + "\r\n")}, 550},
	} {
		w.Now = func() time.Time { return old().Add(tc.now) }
		edit, err := w.sealInner(t, tc.edit, "bob@example.net")
		if code(err) != tc.want || (edit != nil) != (tc.want == 250) {
			t.Errorf("%s: %v, %+v", name, err, edit)
		}
	}
	if len(w.queue) != 0 {
		t.Errorf("sent: %+v", w.queue)
	}
	if logged := w.log.String(); strings.Count(logged, "without a valid pass") != 4 || strings.Contains(logged, "secret") {
		t.Errorf("the log says %s", logged)
	}
}

// TestInnerIsForTheMTAAlone has everybody come with a good pass.
func TestInnerIsForTheMTAAlone(t *testing.T) {
	w := newSplit(t)
	edit := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net"))
	for _, tc := range []struct {
		local     bool
		user, mta string
		want      int
	}{
		{true, "postfix", "postfix", 250},
		{true, "root", "postfix", 250},
		{true, "root", "", 250},
		{false, "", "", 250}, // a container
		{true, "games", "postfix", 550},
		{true, "games", "root", 550},
		{true, "", "postfix", 451}, // a socket that is being closed
		{true, "", "", 451},
		{true, "postfix", "", 451},
	} {
		m := carried(t, edit)
		m.Envelope.Local, m.Envelope.User, m.Envelope.MTAUser = tc.local, tc.user, tc.mta
		if sealed, err := w.submit(t, m, nil, "bob@example.net"); code(err) != tc.want || (sealed != nil) != (tc.want == 250) {
			t.Errorf("%+v: %+v, %v", tc, sealed, err)
		}
	}
}

// TestInnerRefusalIsANotice has a recipient without a key behind an alias in mode require.
func TestInnerRefusalIsANotice(t *testing.T) {
	for _, origin := range []string{mail.DaemonFront, mail.DaemonFrontLocal} {
		w := newSplit(t)
		w.Config.Policy.Mode = config.Require
		w.Config.Policy.Aliases = pattern(t, "list@example.org")
		m := fromClient(t, "alice@example.org")
		m.Envelope.Daemon = origin
		if origin == mail.DaemonFrontLocal {
			m.Envelope.Login, m.Envelope.NonSMTP, m.Envelope.Local, m.Envelope.User = "", true, true, "root"
		} else if _, err := w.submit(t, fromClient(t, "alice@example.org"), nil, "frank@example.com"); code(err) != 550 {
			t.Errorf("the front let somebody without a key in: %v", err)
		}
		edit := accepted(t)(w.submit(t, m, nil, "list@example.org"))
		if sealed, err := w.sealInner(t, edit, "bob@example.net"); err != nil || sealed.Discard || strings.Contains(text(t, sealed), "secret") {
			t.Errorf("bob: %+v, %v", sealed, err)
		}
		for range 2 { // the MTA may try again, and the sender is told once
			if sealed, err := w.sealInner(t, edit, "erin@example.com"); err != nil || !sealed.Discard {
				t.Errorf("erin: %+v, %v", sealed, err)
			}
		}
		if _, err := w.sealInner(t, edit, "list@example.org"); err != nil {
			t.Errorf("an alias that leads nowhere: %v", err)
		}
		if len(w.queue) != 2 || w.queue[0].to != "alice@example.org" || w.queue[0].from != "" || !strings.Contains(w.queue[0].text, "erin@example.com") {
			t.Errorf("the notices are %+v", w.queue)
		}
		for _, d := range w.queue {
			if strings.Contains(d.text, "secret") {
				t.Errorf("a notice quotes the message:\n%s", d.text)
			}
		}
	}
}

// TestAliasesCountAtTheFrontAlone has the list do nothing where the MTA does not split messages.
func TestAliasesCountAtTheFrontAlone(t *testing.T) {
	w := newSplit(t)
	w.Config.Policy.Mode = config.Require
	w.Config.Policy.Aliases = pattern(t, "list@example.org")
	m := message(t, "alice@example.org")
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rcpt(t.Context(), m.Envelope, mail.Recipient{Addr: addr(t, "list@example.org"), Raw: "<list@example.org>"}); code(err) != 550 {
		t.Errorf("the alias was let in: %v", err)
	}
}

// TestNullSenderGetsNoNotice leaves the answer to the MTA, which sends no bounce to nobody.
func TestNullSenderGetsNoNotice(t *testing.T) {
	w := newSplit(t)
	m := fromClient(t, "alice@example.org")
	m.Envelope.Sender, m.Envelope.RawSender = mail.Addr{}, "<>"
	edit := accepted(t)(w.submit(t, m, nil, "erin@example.com"))
	w.Config.Policy.Mode = config.Require
	if sealed, err := w.sealInner(t, edit, "erin@example.com"); code(err) != 550 || sealed != nil || len(w.queue) != 0 {
		t.Errorf("%+v, %v, %+v", sealed, err, w.queue)
	}
}

// TestKeyLostBehindTheFront never turns a recipient who was promised encryption into one who gets clear text.
func TestKeyLostBehindTheFront(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newSplit(t)
		found := w.answers["bob@example.net"]
		if late { // found at the end of the message only
			delete(w.answers, "bob@example.net")
		}
		edit := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), func() { w.answers["bob@example.net"] = found }, "bob@example.net"))
		w.answers["bob@example.net"] = keys.Answer{Status: keys.None, Why: "it is gone"}
		if sealed, err := w.sealInner(t, edit, "bob@example.net"); code(err) != 451 || sealed != nil {
			t.Errorf("late %t: %+v, %v", late, sealed, err)
		}
	}
}

// TestForeignMailComesOutAsItWentIn needs a pass like all mail, and nothing else happens to it.
func TestForeignMailComesOutAsItWentIn(t *testing.T) {
	w := newSplit(t)
	m := fromClient(t, "somebody@elsewhere.example")
	m.Envelope.Login, m.Envelope.Client = "", netip.MustParseAddr("192.0.2.1")
	m.Header = append(mail.Header{{Name: "Received", Value: " by elsewhere"}}, m.Header...)
	m.Header = append(m.Header, mail.Field{Name: "Bcc", Value: " kept@elsewhere.example"}, mail.Field{Name: "X-Raw", Value: " \xe4"})
	want := "Received: by front\r\n" + string(m.Header.AppendTo(nil)) + string(m.Body)
	edit := accepted(t)(w.submit(t, m, nil, "bob@example.net"))
	sealed := accepted(t)(w.sealInner(t, edit, "bob@example.net"))
	if got := text(t, sealed); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// TestPassModeIsRestored has a recipient who gets the message as it was.
func TestPassModeIsRestored(t *testing.T) {
	w := newSplit(t)
	w.Config.Policy.Mode = config.Pass
	m := fromClient(t, "alice@example.org")
	m.Header = append(m.Header, mail.Field{Name: "Bcc", Value: " dave@example.net"})
	edit := accepted(t)(w.submit(t, m, nil, "bob@example.net"))
	sealed := accepted(t)(w.sealInner(t, edit, "bob@example.net"))
	if got := text(t, sealed); !strings.Contains(got, secretText) || strings.Contains(got, "dave@example.net") || strings.Contains(got, "sealmilter") {
		t.Errorf("got\n%s", got)
	}
}

// TestFrontRefusesInWords has the client of the front listener hear what it would hear where nothing is split.
func TestFrontRefusesInWords(t *testing.T) {
	w := newSplit(t)
	if _, err := w.submit(t, fromClient(t, "nokey@example.org"), nil, "bob@example.net"); code(err) != 550 {
		t.Errorf("a sender without a key: %v", err)
	}
	bad := fromClient(t, "alice@example.org")
	bad.Header = append(bad.Header, mail.Field{Name: "MIME-Version", Value: " 1.0"}, mail.Field{Name: "Content-Type", Value: " message/partial"})
	bad.Body = []byte("a piece \xe4\r\n")
	if _, err := w.submit(t, bad, nil, "bob@example.net"); code(err) != 554 {
		t.Errorf("a message that cannot be sealed: %v", err)
	}
	for _, to := range []string{"bob@example.net", "dave@example.net"} {
		w.answers[to] = keys.Answer{SeenBefore: true, Why: "no answer"}
		if _, err := w.submit(t, fromClient(t, "alice@example.org"), nil, to); code(err) != 451 {
			t.Errorf("a lookup that failed: %v", err)
		}
	}
}

var _ gate.PassKeys = new(passKey)
