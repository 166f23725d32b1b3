package gate_test

import (
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

func TestLocalProgramRefusals(t *testing.T) {
	for _, tc := range []struct {
		name, sender string
		to           []string
		want         int
		discard      bool
	}{
		{"all refused", "alice@example.org", []string{"erin@example.com"}, 250, true},
		{"one refused", "alice@example.org", []string{"erin@example.com", "bob@example.net"}, 250, false},
		{"null sender", "", []string{"erin@example.com"}, 250, true},
		{"null sender, one refused", "", []string{"erin@example.com", "bob@example.net"}, 250, false},
	} {
		w := newWorld(t)
		w.Config.Policy.Mode = config.Require
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, tc.sender), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
		edit, err := w.submit(t, m, nil, tc.to...)
		if code(err) != tc.want || err == nil && edit.Discard != tc.discard {
			t.Errorf("%s: %v, %+v", tc.name, err, edit)
			continue
		}
		if tc.sender == "" {
			// Nobody can be told, and the MTA's postmaster must not get what was to be encrypted.
			if len(w.queue) != 0 || !strings.Contains(w.log.String(), "no source has a key") {
				t.Errorf("%s: queue %+v, log %s", tc.name, w.queue, w.log.String())
			}
		} else if len(w.queue) != 1 || w.queue[0].to != "alice@example.org" || strings.Contains(w.queue[0].text, "secret") {
			t.Errorf("%s: queue %+v", tc.name, w.queue)
		}
		if !edit.Discard && strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s: clear text in place", tc.name)
		}
	}
}

// TestEveryRefusalIsTold has a local program send one message to two recipients in two goes.
func TestEveryRefusalIsTold(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Mode = config.Require
	for i, to := range []string{"erin@example.com", "frank@example.com", "frank@example.com"} {
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
		edit, err := w.submit(t, m, nil, to)
		if err != nil || !edit.Discard || len(w.queue) != min(i+1, 2) || !strings.Contains(w.queue[len(w.queue)-1].text, to) {
			t.Fatalf("%s: %v, %+v, queue %+v", to, err, edit, w.queue)
		}
	}
}

// TestRefusedAsAWhole has messages that SMTP clients get a 5xx for. A local program's sender gets a notice, for the MTA's
// bounce would quote the text.
func TestRefusedAsAWhole(t *testing.T) {
	for name, spoil := range map[string]func(*world, *mail.Message){
		"From of another": func(_ *world, m *mail.Message) { m.Header[0].Value = " eve@example.org" },
		"unusable MIME": func(_ *world, m *mail.Message) {
			m.Header = append(m.Header, mail.Field{Name: "Content-Type", Value: " message/partial"})
			m.Body = []byte("8-bit \xe4 " + secretText + "\r\n")
		},
		"a parameter that the MTA does not know": func(_ *world, m *mail.Message) { m.Envelope.Args = []string{"BY=60;R"} },
	} {
		for _, local := range []bool{true, false} {
			w := newWorld(t)
			m := message(t, "alice@example.org")
			m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: local, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
			spoil(w, m)
			edit, err := w.submit(t, m, nil, "bob@example.net", "dave@example.net")
			if !local {
				if code(err)/100 != 5 || edit != nil || len(w.queue) != 0 {
					t.Errorf("%s, over SMTP: %v, %v, queue %+v", name, err, edit, w.queue)
				}
				continue
			}
			if err != nil || !edit.Discard || len(w.queue) != 1 {
				t.Errorf("%s: %v, %+v, queue %+v", name, err, edit, w.queue)
				continue
			}
			notice := w.queue[0]
			if notice.from != "" || notice.to != "alice@example.org" || strings.Contains(notice.text, "secret") ||
				strings.Count(notice.text, "Final-Recipient:") != 2 {
				t.Errorf("%s: notice %+v", name, notice)
			}
		}
	}
}

// TestNoticesAreThoseAskedFor has the MTA refuse copies late, for recipients with and without a wish of the sender's.
func TestNoticesAreThoseAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name, sender string
		notify       map[string]string
		told         []string
	}{
		{"no wish", "alice@example.org", nil, []string{"erin@example.com", "frank@example.com"}},
		{"failures", "alice@example.org", map[string]string{"erin@example.com": "notify=success,failure"}, []string{"erin@example.com", "frank@example.com"}},
		{"never", "alice@example.org", map[string]string{"erin@example.com": "NOTIFY=NEVER"}, []string{"frank@example.com"}},
		{"other events", "alice@example.org", map[string]string{"frank@example.com": "NOTIFY=SUCCESS,DELAY"}, []string{"erin@example.com"}},
		{"nobody", "alice@example.org", map[string]string{"erin@example.com": "NOTIFY=NEVER", "frank@example.com": "NOTIFY=DELAY"}, nil},
		{"null sender", "", nil, nil},
	} {
		w := newWorld(t)
		never := &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "never"}
		w.refuse["erin@example.com"], w.refuse["frank@example.com"] = never, never
		m := message(t, "alice@example.org")
		m.Envelope.Sender, m.Envelope.RawSender = addr(t, tc.sender), "<"+tc.sender+">"
		edit, err := w.submit(t, m, func() {
			for i, to := range m.Envelope.Recipients {
				if wish := tc.notify[to.Addr.String()]; wish != "" {
					m.Envelope.Recipients[i].Args = []string{wish}
				}
			}
		}, "bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com")
		if err != nil || edit.Discard {
			t.Errorf("%s: %v, %+v", tc.name, err, edit)
			continue
		}
		if w.queue[0].to != "dave@example.net" {
			t.Errorf("%s: queue %+v", tc.name, w.queue)
		}
		var notice string
		for _, d := range w.queue[1:] {
			notice += d.text
		}
		if len(w.queue)-1 != min(len(tc.told), 1) || strings.Count(notice, "Final-Recipient:") != len(tc.told) {
			t.Errorf("%s: notices %s", tc.name, notice)
		}
		for _, to := range tc.told {
			if !strings.Contains(notice, "Final-Recipient: rfc822; "+to) {
				t.Errorf("%s: nobody is told of %s", tc.name, to)
			}
		}
		if n := strings.Count(w.log.String(), "the MTA refuses a copy"); n != 2 {
			t.Errorf("%s: %d refusals in the log", tc.name, n)
		}
	}
}

// TestNoticesAreSevenBit has a recipient with an address that is not in US-ASCII: what a notice tells of it must not be
// left to the MTA to encode.
func TestNoticesAreSevenBit(t *testing.T) {
	for _, to := range []string{"erin@example.com", "erín@example.com"} {
		w := newWorld(t)
		w.Config.Policy.Mode = config.Require
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1"),
			Args: []string{"SMTPUTF8"}}
		if _, err := w.submit(t, m, nil, to); err != nil || len(w.queue) != 1 {
			t.Fatalf("%s: %v, queue %+v", to, err, w.queue)
		}
		notice, err := netmail.ReadMessage(strings.NewReader(w.queue[0].text))
		if err != nil {
			t.Fatal(err)
		}
		_, params, err := mime.ParseMediaType(notice.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		part, err := multipart.NewReader(notice.Body, params["boundary"]).NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		encoding := part.Header.Get("Content-Transfer-Encoding")
		if strings.ContainsFunc(string(raw), func(r rune) bool { return r > unicode.MaxASCII }) || encoding == "8bit" {
			t.Errorf("%s: %q\n%s", to, encoding, raw)
		}
		text := string(raw)
		if encoding == "quoted-printable" {
			decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			text = string(decoded)
		}
		if !strings.Contains(text, "\r\n  "+to+"\r\n") {
			t.Errorf("%s is not named in\n%s", to, text)
		}
	}
}

// TestNobodyIsToldOfANullSender has local programs send what an SMTP client would get a 5xx for. With one, Postfix would
// send the text to its postmaster.
func TestNobodyIsToldOfANullSender(t *testing.T) {
	for _, local := range []bool{true, false} {
		w := newWorld(t)
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{NonSMTP: local, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
		m.Header = append(m.Header, mail.Field{Name: "Content-Type", Value: " message/partial"})
		m.Body = []byte("8-bit \xe4 " + secretText + "\r\n")
		edit, err := w.submit(t, m, nil, "bob@example.net", "dave@example.net")
		if want := map[bool]int{true: 250, false: 554}[local]; code(err) != want || (edit != nil && edit.Discard) != local || len(w.queue) != 0 {
			t.Errorf("local %t: %v, %+v, queue %+v", local, err, edit, w.queue)
		}
	}
}

// TestNoticeReachesTheUser has local users send as others: the notice goes to an address of the user's own, never to the
// one they gave, who has nothing to do with it.
func TestNoticeReachesTheUser(t *testing.T) {
	for _, tc := range []struct{ user, sender, want string }{
		{"games", "alice@example.org", "games@mx.example.org"},
		{"games", "games@mx.example.org", "games@mx.example.org"},
		{"web", "alice@example.org", "shop@example.org"},
		{"web", "x@shop.example.org", "x@shop.example.org"},
		{"list", "alice@example.org", "list@mx.example.org"},
		{"uid:1234", "alice@example.org", "postmaster@mx.example.org"},
	} {
		w := newWorld(t)
		w.Config.Senders.Logins["web"] = patterns(t, "*@shop.example.org", "shop@example.org")
		w.Config.Senders.Logins["list"] = patterns(t, "@lists.example.org")
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, tc.sender), NonSMTP: true, Local: true, User: tc.user, Host: "mx.example.org"}
		edit, err := w.submit(t, m, nil, "bob@example.net")
		if err != nil || !edit.Discard || len(w.queue) != 1 {
			t.Errorf("%+v: %v, %+v, queue %+v", tc, err, edit, w.queue)
			continue
		}
		if notice := w.queue[0]; notice.from != "" || notice.to != tc.want || strings.Contains(notice.text, "secret") ||
			!strings.Contains(notice.text, "To: "+tc.want+"\r\n") {
			t.Errorf("%+v: notice %+v", tc, notice)
		}
		if !strings.Contains(w.log.String(), "user="+tc.user) {
			t.Errorf("%+v: the log says %s", tc, w.log.String())
		}
	}
}

// TestLocalSenderIsChecked has a local program that names its own user in the From field and another sender: bounces
// would go to that one.
func TestLocalSenderIsChecked(t *testing.T) {
	w := newWorld(t)
	if err := w.addSigner(addr(t, "games@mx.example.org")); err != nil {
		t.Fatal(err)
	}
	m := message(t, "games@mx.example.org")
	m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "games", Host: "mx.example.org"}
	edit, err := w.submit(t, m, nil, "bob@example.net")
	if err != nil || !edit.Discard || len(w.queue) != 1 || w.queue[0].to != "games@mx.example.org" {
		t.Errorf("%v, %+v, queue %+v", err, edit, w.queue)
	}
}
