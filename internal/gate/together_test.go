package gate_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// submitAll is submit for a client that goes on when some recipients are refused. It returns the code for each of them.
func (w *world) submitAll(t *testing.T, m *mail.Message, to ...string) (*mail.Edit, map[string]int, error) {
	t.Helper()
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for _, s := range to {
		r := mail.Recipient{Addr: addr(t, s), Raw: "<" + s + ">"}
		err := tx.Rcpt(t.Context(), m.Envelope, r)
		if codes[s] = code(err); err == nil {
			m.Envelope.Recipients = append(m.Envelope.Recipients, r)
		}
	}
	edit, err := tx.Message(t.Context(), m)
	return edit, codes, err
}

// TestTogether: a message leaves encrypted to all or to nobody, unless it leaves in clear text to all.
func TestTogether(t *testing.T) {
	const bob, dave, erin, frank, clerk, ci, gone = "bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com", "clerk@bank.example", "ci@example.org", "gone@example.net"
	all := func(to ...string) []string { return to }
	for _, tc := range []struct {
		name   string
		global bool
		rule   string // whose rule keeps the message together
		to     []string
		refuse []string // at RCPT TO
		want   int
		naming string
	}{
		{"not together", false, "", all(bob, erin), nil, 250, ""},
		{"all encrypted", true, "", all(bob, dave), nil, 250, ""},
		{"all clear", true, "", all(erin, frank), nil, 250, ""},
		{"mixed", true, "", all(bob, erin), nil, 550, "cannot be encrypted to erin@example.com: "},
		{"mixed, of many", true, "", all(erin, frank, bob, "a@example.com", "b@example.com"), nil, 550, "erin@example.com, frank@example.com, a@example.com and 1 others"},
		{"mixed by the rule of one", false, erin, all(bob, dave, erin), nil, 550, "encrypted to erin@example.com: "},
		{"mixed by the rule of another", false, bob, all(bob, erin, frank), nil, 550, "erin@example.com and frank@example.com"},
		{"the rule of a stranger", false, "nobody@example.net", all(bob, erin), nil, 250, ""},
		{"the rule of one who was refused", false, clerk, all(bob, clerk), all(clerk), 550, "encrypted to clerk@bank.example: "},
		{"refused at RCPT TO", true, "", all(bob, clerk), all(clerk), 550, "encrypted to clerk@bank.example: "},
		{"refused at RCPT TO, and clear", true, "", all(clerk, erin), all(clerk), 550, "encrypted to erin@example.com and clerk@bank.example: "},
		{"refused at RCPT TO, not together", false, "", all(bob, clerk), all(clerk), 250, ""},
		{"put off at RCPT TO", true, "", all(bob, gone), all(gone), 451, "cannot be found out"},
		{"put off at RCPT TO, not together", false, "", all(bob, gone), all(gone), 250, ""},
		{"mode pass", true, "", all(bob, ci), nil, 550, "encrypted to ci@example.org: "},
	} {
		for _, split := range []bool{false, true} {
			w := newSplit(t)
			w.Config.Policy.Together = tc.global
			w.Config.Policy.Rules = []config.Rule{{To: pattern(t, clerk), Mode: config.Require, Together: tc.rule == clerk}, {To: pattern(t, ci), Mode: config.Pass}}
			if tc.rule != "" {
				w.Config.Policy.Rules = append(w.Config.Policy.Rules, config.Rule{To: pattern(t, tc.rule), Mode: config.Prefer, Together: true})
			}
			w.answers[gone] = keys.Answer{SeenBefore: true, Why: "no answer"}
			m := message(t, "alice@example.org")
			if split {
				m.Envelope.Daemon = mail.DaemonFront
			}
			edit, codes, err := w.submitAll(t, m, tc.to...)
			for _, to := range tc.refuse {
				if codes[to] == 250 {
					t.Errorf("%s: %s was taken", tc.name, to)
				}
			}
			if code(err) != tc.want || tc.want != 250 && (edit != nil || len(w.queue) != 0 || !strings.Contains(err.Error(), tc.naming)) {
				t.Errorf("%s, split %t: %v, %+v, queue %d; want %d", tc.name, split, err, edit, len(w.queue), tc.want)
			}
		}
	}
}

// TestTogetherWithOneWhoIsAcceptedLater has the client ask twice for a recipient.
func TestTogetherWithOneWhoIsAcceptedLater(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Together = true
	found := w.answers["dave@example.net"]
	w.answers["dave@example.net"] = keys.Answer{SeenBefore: true, Why: "no answer"}
	m := message(t, "alice@example.org")
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		to     string
		answer keys.Answer
		want   int
	}{
		{"bob@example.net", w.answers["bob@example.net"], 250},
		{"dave@example.net", keys.Answer{SeenBefore: true, Why: "no answer"}, 451},
		{"dave@example.net", found, 250},
	} {
		w.answers[tc.to] = tc.answer
		r := mail.Recipient{Addr: addr(t, tc.to), Raw: "<" + tc.to + ">"}
		if err := tx.Rcpt(t.Context(), m.Envelope, r); code(err) != tc.want {
			t.Fatalf("%s: %v, want %d", tc.to, err, tc.want)
		} else if err == nil {
			m.Envelope.Recipients = append(m.Envelope.Recipients, r)
		}
	}
	if edit, err := tx.Message(t.Context(), m); err != nil || len(w.queue) != 1 {
		t.Errorf("%v, %+v, queue %+v", err, edit, w.queue)
	}
}

// TestTogetherFromALocalProgram sends nothing but a notice.
func TestTogetherFromALocalProgram(t *testing.T) {
	for _, daemon := range []string{"", mail.DaemonFrontLocal} {
		for _, mode := range []config.Mode{config.Prefer, config.Require} {
			w := newSplit(t)
			w.Config.Policy.Together, w.Config.Policy.Mode = true, mode
			m := message(t, "alice@example.org")
			m.Envelope.Login, m.Envelope.NonSMTP, m.Envelope.Local, m.Envelope.User, m.Envelope.Daemon = "", true, true, "root", daemon
			edit := accepted(t)(w.submit(t, m, nil, "bob@example.net", "erin@example.com"))
			if !edit.Discard || len(w.queue) != 1 || w.queue[0].to != "alice@example.org" || strings.Contains(w.queue[0].text, "secret") {
				t.Errorf("%s %s: %+v, queue %+v", daemon, mode, edit, w.queue)
			}
		}
	}
}

// TestTogetherWithAnAuthorWithoutAKey says that the author's key is missing, not the recipient's.
func TestTogetherWithAnAuthorWithoutAKey(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Together = true
	w.Config.Senders.MissingKey = config.EncryptOnly
	if edit, err := w.submit(t, message(t, "new@example.org"), nil, "bob@example.net", "erin@example.com"); code(err) != 550 || edit != nil ||
		!strings.Contains(err.Error(), "no OpenPGP key to sign for new@example.org") {
		t.Errorf("%v, %+v", err, edit)
	}
}

// TestTogetherCountsWhatCameEncrypted takes it for encrypted to those to whom it is, and no other.
func TestTogetherCountsWhatCameEncrypted(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Together = true
	draft, err := w.Composer.Prepare(message(t, "alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	copies, err := draft.Encrypt(w.signers["alice@example.org"], []pgpmime.Reader{{Cert: w.answers["bob@example.net"].Cert}}, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := copies[0].Body.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]int{"bob@example.net": 250, "erin@example.com": 550} {
		m := message(t, "alice@example.org")
		m.Header, m.Body = copies[0].Header, body.Bytes()
		if _, err := w.submit(t, m, nil, "bob@example.net", to); code(err) != want {
			t.Errorf("with %s: %v, want %d", to, err, want)
		}
	}
}

// TestTogetherAfterACopyHasLeft has the MTA fail after the first copy, and a key vanish before the next try: the rest of
// those to whom it can be encrypted get it, nobody else does, and the sender is told.
func TestTogetherAfterACopyHasLeft(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Together = true
	frank := w.answers["bob@example.net"]
	w.answers["frank@example.com"] = frank
	w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
	all := []string{"bob@example.net", "dave@example.net", "frank@example.com"}
	if _, err := w.submit(t, message(t, "alice@example.org"), nil, all...); code(err) != 452 && code(err) != 451 || len(w.queue) != 1 || w.queue[0].to != "dave@example.net" {
		t.Fatalf("%v, queue %+v", err, w.queue)
	}
	delete(w.answers, "frank@example.com")
	delete(w.refuse, "frank@example.com")
	edit := accepted(t)(w.submit(t, message(t, "alice@example.org"), nil, all...))
	if edit.Discard || !strings.Contains(text(t, edit), "multipart/encrypted") || len(edit.Delete) != 2 {
		t.Errorf("bob gets %+v", edit)
	}
	if len(w.queue) != 2 || w.queue[1].to != "alice@example.org" || !strings.Contains(w.queue[1].text, "frank@example.com") || strings.Contains(w.queue[1].text, "secret") {
		t.Errorf("queue %+v", w.queue)
	}
}

// TestTogetherWhenAllKeysAreGone has nobody's key known any more when the message is tried again: what one has got
// encrypted the others do not get in clear text. A message that has left in clear text goes on.
func TestTogetherWhenAllKeysAreGone(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		w := newWorld(t)
		w.Config.Policy.Together = true
		if !sealed {
			clear(w.answers)
		}
		w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
		if sealed {
			w.answers["frank@example.com"] = w.answers["bob@example.net"]
		}
		all := []string{"bob@example.net", "dave@example.net", "frank@example.com"}
		if _, err := w.submit(t, message(t, "alice@example.org"), nil, all...); code(err)/100 != 4 || len(w.queue) != 1 || w.queue[0].to != "dave@example.net" {
			t.Fatalf("%v, queue %+v", err, w.queue)
		}
		clear(w.refuse)
		clear(w.answers)
		edit := accepted(t)(w.submit(t, message(t, "alice@example.org"), nil, all...))
		if edit.Discard != sealed || len(w.queue) != 2 {
			t.Fatalf("sealed %t: %+v, queue %+v", sealed, edit, w.queue)
		}
		told := w.queue[1].to == "alice@example.org" && strings.Contains(w.queue[1].text, "frank@example.com") && strings.Contains(w.queue[1].text, "bob@example.net") &&
			!strings.Contains(w.queue[1].text, "dave@example.net") && !strings.Contains(w.queue[1].text, "secret")
		if told != sealed || !sealed && w.queue[1].to != "frank@example.com" {
			t.Errorf("sealed %t: queue %+v", sealed, w.queue)
		}
	}
}

// TestTogetherReachesBehindTheFront: who stands for an alias gets no clear text of what others got encrypted.
func TestTogetherReachesBehindTheFront(t *testing.T) {
	for _, together := range []bool{false, true} {
		w := newSplit(t)
		w.Config.Policy.Aliases = pattern(t, "list@example.org")
		w.Config.Policy.Rules = []config.Rule{{To: pattern(t, "bob@example.net"), Mode: config.Prefer, Together: together}}
		edit := accepted(t)(w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net", "list@example.org"))
		sealed := accepted(t)(w.sealInner(t, edit, "erin@example.com"))
		if sealed.Discard != together || len(w.queue) > 0 != together {
			t.Errorf("together %t: %+v, queue %+v", together, sealed, w.queue)
		}
		for _, to := range []string{"bob@example.net", "dave@example.net"} {
			if sealed := accepted(t)(w.sealInner(t, edit, to)); !strings.Contains(text(t, sealed), "multipart/encrypted") {
				t.Errorf("together %t: %s gets %+v", together, to, sealed)
			}
		}
	}
}

// TestPlanTellsOfTogether says of a message what its client would hear.
func TestPlanTellsOfTogether(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Together = true
	m := message(t, "alice@example.org")
	for _, to := range []string{"bob@example.net", "erin@example.com"} {
		m.Envelope.Recipients = append(m.Envelope.Recipients, mail.Recipient{Addr: addr(t, to), Raw: "<" + to + ">"})
	}
	if plan, err := w.Plan(t.Context(), m); code(err) != 550 || plan != nil {
		t.Errorf("%v, %+v", err, plan)
	}
}
