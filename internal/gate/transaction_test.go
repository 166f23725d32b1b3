package gate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// TestLogNamesTheLogin has a decision name who is answerable for it.
func TestLogNamesTheLogin(t *testing.T) {
	w := newWorld(t)
	m := message(t, "alice@example.org")
	m.Envelope.User = "nobody"
	if _, err := w.submit(t, m, nil, "carol@example.com"); err != nil {
		t.Fatal(err)
	}
	if log := w.log.String(); !strings.Contains(log, "login=alice@example.org") || strings.Contains(log, "user=") {
		t.Errorf("the log says %s", log)
	}
}

// TestRcptRefusalIsExplained has the log say why a recipient was refused, and the client's answer not.
func TestRcptRefusalIsExplained(t *testing.T) {
	w := newWorld(t)
	w.answers["bob@example.net"] = keys.Answer{SeenBefore: true, Why: "the disk is full"}
	_, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
	if code(err) != 451 || strings.Contains(mail.AsFailure(err).Text, "disk") {
		t.Errorf("the client is told %v", err)
	}
	if !strings.Contains(w.log.String(), `why="the disk is full"`) {
		t.Errorf("the log says %s", w.log.String())
	}
}

func TestKeyLostBetweenRcptAndEnd(t *testing.T) {
	for _, tc := range []struct {
		mode config.Mode
		lost keys.Status
		want int
	}{
		{config.Prefer, keys.None, 451},
		{config.Prefer, keys.Unknown, 451},
		{config.Require, keys.None, 550},
		{config.Require, keys.Unknown, 451},
	} {
		w := newWorld(t)
		w.Config.Policy.Mode = tc.mode
		lose := func() { w.answers["bob@example.net"] = keys.Answer{Status: tc.lost, Why: "it is gone"} }
		edit, err := w.submit(t, message(t, "alice@example.org"), lose, "bob@example.net", "dave@example.net")
		if code(err) != tc.want || edit != nil || len(w.queue) != 0 {
			t.Errorf("%s, key then %s: %v, edit %v, %d queued; want %d and nothing", tc.mode, tc.lost, err, edit, len(w.queue), tc.want)
		}
	}
}

func TestMissingSenderKey(t *testing.T) {
	for _, tc := range []struct {
		choice      config.MissingKey
		to          string
		want        int
		signErr     error
		description string
	}{
		{config.RejectSender, "bob@example.net", 550, nil, "reject"},
		{config.GenerateKey, "bob@example.net", 250, nil, "generate"},
		{config.GenerateKey, "erin@example.com", 250, nil, "generate, clear"},
		{config.EncryptOnly, "bob@example.net", 250, nil, "encrypt-only"},
		{config.EncryptOnly, "erin@example.com", 550, nil, "encrypt-only, no key"},
		{"", "bob@example.net", 550, nil, "no choice"},
		{config.EncryptOnly, "bob@example.net", 451, errors.New("wrong passphrase"), "broken key"},
		{config.GenerateKey, "erin@example.com", 451, errors.New("wrong passphrase"), "broken key, clear"},
	} {
		w := newWorld(t)
		w.Config.Senders.MissingKey, w.signErr = tc.choice, tc.signErr
		edit, err := w.submit(t, message(t, "new@example.org"), nil, tc.to)
		if code(err) != tc.want || (edit != nil) != (tc.want == 250) {
			t.Errorf("%s: %v, edit %v, want %d", tc.description, err, edit, tc.want)
		}
		if strings.Contains(w.log.String(), "secret text") || strings.Contains(w.log.String(), "secret subject") {
			t.Errorf("%s: content in the log: %s", tc.description, w.log.String())
		}
	}
}

// TestFailureOfOneCopy lets the MTA refuse each copy in turn. No edit lets the message pass after a temporary failure,
// and the second try sends nothing twice.
func TestFailureOfOneCopy(t *testing.T) {
	all := []string{"bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com"}
	for _, bad := range all {
		w := newWorld(t)
		w.refuse[bad] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, all...)
		if bad == "bob@example.net" { // the message itself becomes bob's copy
			if err != nil || len(edit.Delete) != 3 {
				t.Errorf("%v, %+v", err, edit)
			}
			continue
		}
		if code(err)/100 != 4 || edit != nil {
			t.Errorf("%s fails: %v, edit %v", bad, err, edit)
		}
		delete(w.refuse, bad)
		edit, err = w.submit(t, message(t, "alice@example.org"), nil, all...)
		if err != nil || edit == nil || edit.Discard {
			t.Fatalf("%s, second try: %v, %+v", bad, err, edit)
		}
		got := map[string]int{}
		for _, d := range w.queue {
			got[d.to]++
		}
		for _, to := range all[1:] {
			if got[to] != 1 {
				t.Errorf("%s fails: %s got %d copies", bad, to, got[to])
			}
		}
		if strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s fails: clear text in place", bad)
		}
	}
}

func TestLatePermanentRefusalIsTold(t *testing.T) {
	w := newWorld(t)
	w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "never"}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com", "frank@example.com")
	if err != nil || edit == nil {
		t.Fatalf("%v, %v", err, edit)
	}
	if len(w.queue) != 2 || w.queue[1].to != "alice@example.org" || w.queue[1].from != "" {
		t.Fatalf("queue %+v", w.queue)
	}
	notice := w.queue[1].text
	for _, want := range []string{"multipart/report", "Final-Recipient: rfc822; frank@example.com", "Status: 5.7.1", "Auto-Submitted: auto-replied"} {
		if !strings.Contains(notice, want) {
			t.Errorf("the notice lacks %q:\n%s", want, notice)
		}
	}
	if strings.Contains(notice, "secret") {
		t.Errorf("the notice quotes the message:\n%s", notice)
	}
}

func TestFirstPermanentRefusalSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.refuse["erin@example.com"] = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "too large"}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com")
	if code(err) != 552 || edit != nil || len(w.queue) != 0 {
		t.Errorf("%v, %v, %+v", err, edit, w.queue)
	}
}

// TestRetryOfAllSent discards a message whose copies have all been sent, rather than sending one twice.
func TestRetryOfAllSent(t *testing.T) {
	w := newWorld(t)
	if _, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com"); err != nil {
		t.Fatal(err)
	}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "erin@example.com")
	if err != nil || !edit.Discard {
		t.Errorf("%v, %+v", err, edit)
	}
}

// TestSeveralSpellings has one mailbox in spellings that Postfix takes for one when it deletes, and for several when it
// delivers.
func TestSeveralSpellings(t *testing.T) {
	for _, to := range [][]string{
		{"bob@example.net", `"bob"@example.net`},
		{`"bob"@example.net`, "bob@EXAMPLE.net", "erin@example.com"},
	} {
		w := newWorld(t)
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, to...)
		if err != nil || len(w.queue) != 1 || w.queue[0].to != "bob@example.net" {
			t.Fatalf("%q: %v, queue %+v", to, err, w.queue)
		}
		if len(to) == 2 && !edit.Discard || len(to) == 3 && (edit.Discard || len(edit.Delete) != 2) {
			t.Errorf("%q: %+v", to, edit)
		}
	}
}

// TestTooLargeInPlace has a copy that would fit, and the message itself would not once it is encrypted.
func TestTooLargeInPlace(t *testing.T) {
	w := newWorld(t, func(s *smtp.Server) { s.MaxMessageBytes = 1000 })
	pattern, err := mail.ParsePattern("frank@example.com")
	if err != nil {
		t.Fatal(err)
	}
	w.Config.Policy.Rules = []config.Rule{{To: []mail.Pattern{pattern}, Mode: config.Pass}}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "frank@example.com")
	if code(err) != 552 || edit != nil || len(w.queue) != 0 {
		t.Errorf("%v, %v, queue %+v", err, edit, w.queue)
	}
}
