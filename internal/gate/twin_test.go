package gate_test

import (
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
)

// TestTwinToOne has a program send the same text twice, to several and to one of them, without a Message-ID of its own.
// The first is not through when the second comes, and counts for it; once. Both were accepted, so two copies come.
func TestTwinToOne(t *testing.T) {
	unnamed := func() *mail.Message {
		m := message(t, "alice@example.org")
		m.Header = m.Header.Without("Message-ID")
		return m
	}
	w := newWorld(t)
	w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
	all := []string{"bob@example.net", "erin@example.com", "frank@example.com"}
	if _, err := w.submit(t, unnamed(), nil, all...); code(err)/100 != 4 {
		t.Fatalf("the first try: %v", err)
	}
	if edit, err := w.submit(t, unnamed(), nil, "erin@example.com"); err != nil || !edit.Discard {
		t.Fatalf("the twin: %+v, %v", edit, err)
	}
	delete(w.refuse, "frank@example.com")
	if _, err := w.submit(t, unnamed(), nil, all...); err != nil {
		t.Fatalf("the second try: %v", err)
	}
	count := 0
	for _, d := range w.queue {
		if d.to == "erin@example.com" {
			count++
		}
	}
	if count != 2 {
		t.Errorf("two messages to erin were accepted, and %d came", count)
	}
}
