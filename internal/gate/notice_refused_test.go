package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestNoticeThatIsPutOff has the MTA take no notice for now: the message is to be tried again, which sends the notice
// once, and no copy twice.
func TestNoticeThatIsPutOff(t *testing.T) {
	w := newWorld(t)
	refuseErin(w)
	w.refuse["alice@example.org"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
	for range 2 {
		if edit, err := w.partly(t, "alice@example.org"); code(err)/100 != 4 || edit != nil || len(w.queue) != 1 {
			t.Fatalf("%v, %+v, queue %+v", err, edit, w.queue)
		}
	}
	delete(w.refuse, "alice@example.org")
	// The MTA may fail after the answer, so that the client comes again.
	for range 2 {
		edit, err := w.partly(t, "alice@example.org")
		if err != nil || edit.Discard || len(w.queue) != 2 || w.queue[0].to != "dave@example.net" {
			t.Fatalf("%v, %+v, queue %+v", err, edit, w.queue)
		}
		checkReport(t, w.queue[1].text, "erin@example.com")
	}
}

// TestNoticeThatIsRefused has the MTA take no mail for the sender at all, at RCPT TO or behind the text. Those who have
// their copies are not to get them again and again for that.
func TestNoticeThatIsRefused(t *testing.T) {
	for _, refuse := range []func(*world, *smtp.SMTPError){
		func(w *world, no *smtp.SMTPError) { w.refuse["alice@example.org"] = no },
		func(w *world, no *smtp.SMTPError) { w.refuseTo = map[string]error{"alice@example.org": no} },
	} {
		w := newWorld(t)
		refuseErin(w)
		refuse(w, &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"})
		edit, err := w.partly(t, "alice@example.org")
		if err != nil || edit.Discard || len(edit.Delete) != 2 || len(w.queue) != 1 {
			t.Errorf("%v, %+v, queue %+v", err, edit, w.queue)
		}
		if log := w.log.String(); !strings.Contains(log, `level=ERROR msg="recipients get nothing, and the sender cannot be told"`) ||
			!strings.Contains(log, "recipients=erin@example.com") || !strings.Contains(log, "550 5.1.1") ||
			strings.Contains(log, tattle) {
			t.Errorf("the log says %s", log)
		}
	}
}

// TestNobodyToTell is a message of which nothing leaves, and the notice is refused, too: a local program's is not kept for
// ever, and not returned by the MTA, which would quote it.
func TestNobodyToTell(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Mode = config.Require
	w.refuse["alice@example.org"] = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	m := message(t, "alice@example.org")
	m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
	m.Header = append(m.Header, mail.Field{Name: "Content-Type", Value: " message/partial"})
	m.Body = []byte("8-bit \xe4 " + secretText + "\r\n")
	edit, err := w.submit(t, m, nil, "bob@example.net", "dave@example.net")
	if err != nil || !edit.Discard || len(w.queue) != 0 || !strings.Contains(w.log.String(), `recipients="bob@example.net dave@example.net"`) {
		t.Errorf("%v, %+v, queue %+v, log %s", err, edit, w.queue, w.log.String())
	}
}

// TestOneNoticeForAll has two copies refused, one after the other, and the message tried again with its recipients in
// another order: that is no second notice.
func TestOneNoticeForAll(t *testing.T) {
	w := newWorld(t)
	refuseErin(w)
	w.refuse["frank@example.com"] = w.refuse["erin@example.com"]
	for _, to := range [][]string{
		{"bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com"},
		{"bob@example.net", "dave@example.net", "frank@example.com", "erin@example.com"},
	} {
		if _, err := w.submit(t, message(t, "alice@example.org"), nil, to...); err != nil || len(w.queue) != 2 {
			t.Fatalf("%v, queue %+v", err, w.queue)
		}
	}
	checkReport(t, w.queue[1].text, "erin@example.com", "frank@example.com")
}

// TestNullSenderIsLogged: of a message with the null sender nobody is told that a part of it was refused (RFC 5321, section
// 6.1), which is not a failure of the rest.
func TestNullSenderIsLogged(t *testing.T) {
	w := newWorld(t)
	refuseErin(w)
	m := message(t, "alice@example.org")
	m.Envelope.Sender, m.Envelope.RawSender = mail.Addr{}, "<>"
	edit, err := w.submit(t, m, nil, "bob@example.net", "dave@example.net", "erin@example.com")
	if err != nil || edit.Discard || len(w.queue) != 1 || w.queue[0].to != "dave@example.net" {
		t.Errorf("%v, %+v, queue %+v", err, edit, w.queue)
	}
	if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "recipients=erin@example.com") || strings.Contains(log, tattle) {
		t.Errorf("the log says %s", log)
	}
}

// TestLocalProgramsCopyIsRefused: whether a local program's recipient is served does not depend on who is refused first.
func TestLocalProgramsCopyIsRefused(t *testing.T) {
	for _, to := range [][]string{
		{"frank@example.com", "bob@example.net", "dave@example.net"},
		{"bob@example.net", "dave@example.net", "frank@example.com"},
	} {
		w := newWorld(t)
		w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "full"}
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
		edit, err := w.submit(t, m, nil, to...)
		if err != nil || edit.Discard || len(edit.Delete) != 2 || len(w.queue) != 2 || w.queue[0].to != "dave@example.net" {
			t.Fatalf("%q: %v, %+v, queue %+v", to, err, edit, w.queue)
		}
		checkReport(t, w.queue[1].text, "frank@example.com")
	}
}
