package gate_test

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// ask has messages of this world be able to ask by field and by Subject.
func (w *world) ask() {
	w.Config.Policy.Request = config.Request{Header: "X-Sealmilter", Subject: map[string]config.Mode{"[encrypt]": config.Require, "[plain]": config.Pass}}
}

// asking is a message of alice's with a Subject and perhaps a field that asks.
func asking(t *testing.T, subject, field string) *mail.Message {
	m := message(t, "alice@example.org")
	m.Header = append(m.Header.Without("Subject"), mail.Field{Name: "Subject", Value: " " + subject})
	if field != "" {
		m.Header = append(m.Header, mail.Field{Name: "X-Sealmilter", Value: " " + field})
	}
	return m
}

// TestRequestsCount submits messages that ask for something, and looks at the answer and at the copy.
func TestRequestsCount(t *testing.T) {
	const bank = "clerk@bank.example"
	for _, tc := range []struct {
		name           string
		subject, field string
		less, firm     bool
		to             string
		want           int
		form           string
	}{
		{"more, keyed", "[encrypt] hello", "", false, false, "bob@example.net", 250, "encrypted"},
		{"more, keyless", "[encrypt] hello", "", false, false, "erin@example.com", 550, ""},
		{"more by the field, keyless", "hello", "Require", false, false, "erin@example.com", 550, ""},
		{"more and less, keyless", "[encrypt] hello", "pass", true, false, "erin@example.com", 550, ""},
		{"an answer in the thread, keyless", "Re: [encrypt] hello", "", false, false, "erin@example.com", 550, ""},
		{"less, not allowed", "hello", "pass", false, false, "bob@example.net", 250, "encrypted"},
		{"less, allowed", "hello", "pass", true, false, "bob@example.net", 250, "untouched"},
		{"less by the Subject", "[plain] hello", "", true, false, "bob@example.net", 250, "untouched"},
		{"signed", "hello", "sign", true, false, "bob@example.net", 250, "signed"},
		{"less than a rule, not allowed", "hello", "prefer", false, false, bank, 550, ""},
		{"less than a rule", "hello", "prefer", true, false, bank, 250, "signed"},
		{"less than a firm rule", "hello", "prefer", true, true, bank, 550, ""},
		{"nothing where less is allowed", "hello", "", true, false, bank, 550, ""},
		{"more than pass", "hello", "prefer", false, false, "ci@example.net", 250, "encrypted"},
		{"nothing of pass", "[plain] hello", "", false, false, "ci@example.net", 250, "untouched"},
		{"an unknown word", "hello", "encrypt", false, false, "bob@example.net", 550, ""},
		{"an unknown word, mode pass", "hello", "encrypt", false, false, "ci@example.net", 550, ""},
	} {
		for _, split := range []bool{false, true} {
			w := newSplit(t)
			w.ask()
			w.answers["ci@example.net"] = w.answers["dave@example.net"]
			w.Config.Policy.Request.Less = tc.less
			w.Config.Policy.Rules = []config.Rule{{To: pattern(t, "@bank.example"), Mode: config.Require, Firm: tc.firm}, {To: pattern(t, "ci@example.net"), Mode: config.Pass}}
			m := asking(t, tc.subject, tc.field)
			m.Header = append(m.Header, mail.Field{Name: "Thread-Topic", Value: " [encrypt] hello"})
			if split {
				m.Envelope.Daemon = mail.DaemonFront
			}
			edit, err := w.submit(t, m, nil, tc.to)
			if code(err) != tc.want {
				t.Errorf("%s, split %t: %v, want %d", tc.name, split, err, tc.want)
			}
			if err != nil {
				continue
			}
			if split {
				edit = accepted(t)(w.sealInner(t, edit, tc.to))
			}
			form := "untouched"
			switch got := text(t, edit); {
			case strings.Contains(got, "multipart/encrypted"):
				form = "encrypted"
			case strings.Contains(got, "multipart/signed"):
				form = "signed"
			}
			if form != tc.form {
				t.Errorf("%s, split %t: %s, want %s", tc.name, split, form, tc.form)
			}
			if got := strings.ToLower(text(t, edit)); strings.Contains(got, "[encrypt]") || strings.Contains(got, "[plain]") || strings.Contains(got, "x-sealmilter:") {
				t.Errorf("%s, split %t: the request is left in\n%s", tc.name, split, got)
			}
			if !edit.Header.Has("Subject") {
				t.Errorf("%s: no Subject is left", tc.name)
			}
		}
	}
}

// TestIgnoredRequestIsLogged has whoever asks for too little get more, and the log say so.
func TestIgnoredRequestIsLogged(t *testing.T) {
	w := newWorld(t)
	w.ask()
	accepted(t)(w.submit(t, asking(t, "[plain] hello", ""), nil, "bob@example.net"))
	if log := w.log.String(); !strings.Contains(log, "the message asks for pass, for which it may not") {
		t.Errorf("the log says %s", log)
	}
}

// TestRequestRefusalSaysWhy names what to do instead.
func TestRequestRefusalSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.ask()
	_, err := w.submit(t, asking(t, "[encrypt] hello", ""), nil, "bob@example.net", "erin@example.com")
	if code(err) != 550 || !strings.Contains(err.Error(), "asks to be encrypted, and to erin@example.com") || len(w.queue) != 0 {
		t.Errorf("%v, queue %+v", err, w.queue)
	}
}

// TestRequestFromALocalProgram gets the others theirs, and the author a notice.
func TestRequestFromALocalProgram(t *testing.T) {
	for _, field := range []string{"require", "junk"} {
		w := newWorld(t)
		w.ask()
		m := asking(t, "secret hello", field)
		m.Envelope.Login, m.Envelope.NonSMTP, m.Envelope.Local, m.Envelope.User = "", true, true, "root"
		edit := accepted(t)(w.submit(t, m, nil, "bob@example.net", "erin@example.com"))
		if edit.Discard != (field == "junk") || len(w.queue) == 0 || w.queue[0].to != "alice@example.org" || strings.Contains(w.queue[0].text, "secret") ||
			strings.Contains(w.queue[0].text, "junk") {
			t.Errorf("%s: %+v, queue %+v", field, edit, w.queue)
		}
	}
}

// TestRetryWithARequest: the request is part of what makes a message this one, at each try.
func TestRetryWithARequest(t *testing.T) {
	w := newWorld(t)
	w.ask()
	all := []string{"bob@example.net", "dave@example.net"}
	accepted(t)(w.submit(t, asking(t, "[encrypt] hello", ""), nil, all...))
	if len(w.queue) != 1 {
		t.Fatalf("queue %+v", w.queue)
	}
	accepted(t)(w.submit(t, asking(t, "[encrypt] hello", ""), nil, all...))
	if len(w.queue) != 1 {
		t.Errorf("a copy was sent again: %+v", w.queue)
	}
}

// TestForeignRequestsAreNotRead leaves other people's mail alone, whoever sends it on.
func TestForeignRequestsAreNotRead(t *testing.T) {
	w := newWorld(t)
	w.ask()
	w.Config.Senders.Logins["lists"] = pattern(t, "*")
	m := asking(t, "[encrypt] hello", "junk")
	m.Envelope.Login, m.Envelope.Sender = "lists", addr(t, "talk-bounces@lists.example.org")
	m.Header = append(m.Header, mail.Field{Name: "List-Id", Value: " <talk.lists.example.org>"})
	edit := accepted(t)(w.submit(t, m, nil, "erin@example.com"))
	if got := text(t, edit); !strings.Contains(got, "Subject: [encrypt] hello") || !strings.Contains(got, "X-Sealmilter: junk") {
		t.Errorf("it went as\n%s", got)
	}
}

// TestNothingLessAtRcptTo: where nothing less can be asked for, a recipient is refused at once; else at the end.
func TestNothingLessAtRcptTo(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request config.Request
		firm    bool
		want    int
	}{
		{"no requests", config.Request{Less: true}, false, 550},
		{"a field", config.Request{Less: true, Header: "X-Sealmilter"}, false, 250},
		{"a field, not for less", config.Request{Header: "X-Sealmilter"}, false, 550},
		{"a field, firm", config.Request{Less: true, Header: "X-Sealmilter"}, true, 550},
		{"a text for more", config.Request{Less: true, Subject: map[string]config.Mode{"[encrypt]": config.Require}}, false, 550},
		{"a text for less", config.Request{Less: true, Subject: map[string]config.Mode{"[sign]": config.Sign}}, false, 250},
	} {
		w := newWorld(t)
		w.Config.Policy.Request = tc.request
		w.Config.Policy.Rules = []config.Rule{{To: pattern(t, "@example.com"), Mode: config.Require, Firm: tc.firm}}
		m := message(t, "alice@example.org")
		tx, err := w.Begin(t.Context(), m.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		to := mail.Recipient{Addr: addr(t, "erin@example.com"), Raw: "<erin@example.com>"}
		if err := tx.Rcpt(t.Context(), m.Envelope, to); code(err) != tc.want {
			t.Errorf("%s: %v, want %d", tc.name, err, tc.want)
		}
		m.Envelope.Recipients = append(m.Envelope.Recipients, to)
		if edit, err := tx.Message(t.Context(), m); code(err) != 550 || edit != nil {
			t.Errorf("%s: at the end %v, %+v", tc.name, err, edit)
		}
	}
}

// TestPlanHeedsRequests shows what would be done without doing it.
func TestPlanHeedsRequests(t *testing.T) {
	w := newWorld(t)
	w.ask()
	m := asking(t, "[encrypt] hello", "")
	m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, "erin@example.com"), Raw: "<erin@example.com>"}}
	before := string(m.Header.AppendTo(nil))
	plan, err := w.Plan(t.Context(), m)
	if err != nil || plan.Asked != config.Require || plan.Decisions[0].Mode != config.Require || !strings.HasSuffix(plan.Decisions[0].Why, "; the message asks for require") {
		t.Errorf("%v, %+v", err, plan)
	}
	if string(m.Header.AppendTo(nil)) != before {
		t.Error("the message has changed")
	}
	w.answers["erin@example.com"] = keys.Answer{Status: keys.Unknown}
	if plan, err = w.Plan(t.Context(), m); err != nil || plan.Decisions[0].Do.String() != "defer" {
		t.Errorf("%v, %+v", err, plan)
	}
}
