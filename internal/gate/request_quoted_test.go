package gate_test

import (
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

// TestNobodyElseAsksForLess has answers to a stranger, who has put a request for clear text into the Subject.
func TestNobodyElseAsksForLess(t *testing.T) {
	const answer, program = "In-Reply-To: <2@elsewhere.example>", "Auto-Submitted: auto-replied"
	for _, tc := range []struct {
		name, fields, subject, field string
		clear                        bool
	}{
		{"a new message", "", "hello [plain]", "", true},
		{"an answer", answer, "Re: [plain] hello", "", false},
		{"an answer in a thread", "References: <2@elsewhere.example>", "Re: [plain] hello", "", false},
		{"passed to somebody else", "X-Forwarded-Message-Id: <2@elsewhere.example>", "Fwd: [plain] hello", "", false},
		{"an answer, encoded", answer, "=?utf-8?q?Re:_[plain]_=C3=B6?=", "", false},
		{"an answer whose author asks", answer, "[plain] Re: hello", "", true},
		{"an answer whose author asks, encoded", answer, "=?utf-8?q?_[plain]_=C3=B6?=", "", true},
		{"an answer whose author asks for something else", answer, "[sign] Re: [plain] hello", "", true},
		{"an answer whose author asks in the field", answer, "Re: [plain] hello", "pass", true},
		{"an answer for which the field asks for more", answer, "Re: [plain] hello", "prefer", false},
		{"by a program", program, "[plain] hello", "", false},
		{"by a program that asks in the field", program, "Auto: [plain] hello", "pass", true},
		{"by no program", "Auto-Submitted: no", "hello [plain]", "", true},
		{"a receipt", "", "[plain] hello", "", false},
	} {
		for _, split := range []bool{false, true} {
			w := newSplit(t)
			w.ask()
			w.Config.Policy.Request.Less = true
			w.Config.Policy.Request.Subject["[sign]"] = "sign"
			m := asking(t, tc.subject, tc.field)
			more, _ := mail.SplitMessage([]byte(tc.fields + "\r\n\r\n"))
			m.Header = append(m.Header, more...)
			if tc.name == "a receipt" {
				m.Envelope.Sender, m.Envelope.RawSender = mail.Addr{}, "<>"
			}
			if split {
				m.Envelope.Daemon = mail.DaemonFront
			}
			edit := accepted(t)(w.submit(t, m, nil, "bob@example.net"))
			if split {
				edit = accepted(t)(w.sealInner(t, edit, "bob@example.net"))
			}
			got := text(t, edit)
			if edit.Body == nil {
				got += string(m.Body)
			}
			if strings.Contains(got, secretText) != tc.clear || strings.Contains(got, "plain]") {
				t.Errorf("%s, split %t: clear text is not %t:\n%s", tc.name, split, tc.clear, got)
			}
			if log := w.log.String(); strings.Contains(log, "for which it may not") == tc.clear && tc.field == "" {
				t.Errorf("%s: the log says %s", tc.name, log)
			}
		}
	}
}
