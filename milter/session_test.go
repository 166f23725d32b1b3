package milter_test

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestMessageArrivesWhole sends a message with the library's client.
func TestMessageArrivesWhole(t *testing.T) {
	var got collector
	path := serve(t, &milter.Server{Begin: got.begin})
	client := lib.NewClientWithOptions("unix", path, lib.ClientOptions{ActionMask: actions, ProtocolMask: steps})
	session, err := client.Session()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	body := strings.Repeat("line\r\n", 30000)
	steps := []func() (*lib.Action, error){
		func() (*lib.Action, error) {
			session.Macros(lib.CodeConn, "j", "mx.example", "{daemon_name}", "submission")
			return session.Conn("client.example", lib.FamilyInet6, 25, "IPv6:2001:db8::7")
		},
		func() (*lib.Action, error) { return session.Helo("client.example") },
		func() (*lib.Action, error) {
			session.Macros(lib.CodeMail, "{auth_authen}", "alice", "{mail_addr}", "alice@example.org")
			return session.Mail("Alice@example.org", []string{"SMTPUTF8", "BODY=8BITMIME"})
		},
		func() (*lib.Action, error) { return session.Rcpt("Bob@Example.net", []string{"NOTIFY=NEVER"}) },
		func() (*lib.Action, error) {
			session.Macros(lib.CodeRcpt, "i", "4QUEUE")
			return session.Rcpt(`"a b"@example.net`, nil)
		},
		func() (*lib.Action, error) { return session.HeaderField("From", " alice@example.org") },
		func() (*lib.Action, error) { return session.HeaderField("X-LF", "\tone\n two\n\t three") },
		func() (*lib.Action, error) { return session.HeaderField("x-crlf", "one\r\n two") },
		func() (*lib.Action, error) { return session.HeaderField("Empty", "") },
		session.HeaderEnd,
	}
	for i, step := range steps {
		if action, err := step(); err != nil || action.Code != lib.ActContinue {
			t.Fatalf("step %d: %v, %v", i, action, err)
		}
	}
	if mods, action, err := session.BodyReadFrom(strings.NewReader(body)); err != nil || action.Code != lib.ActContinue || mods != nil {
		t.Fatal(mods, action, err)
	}
	if len(got.got) != 1 {
		t.Fatalf("%d messages", len(got.got))
	}
	m := got.got[0]
	if string(m.Body) != body {
		t.Errorf("a body of %d octets, want %d", len(m.Body), len(body))
	}
	header := mail.Header{{Name: "From", Value: " alice@example.org"}, {Name: "X-LF", Value: "\tone\r\n two\r\n\t three"},
		{Name: "x-crlf", Value: "one\r\n two"}, {Name: "Empty", Value: ""}}
	if !slices.Equal(m.Header, header) {
		t.Errorf("header %q", m.Header)
	}
	want := &mail.Envelope{
		Sender: addr(t, "Alice@example.org"), RawSender: "<Alice@example.org>", Args: []string{"SMTPUTF8", "BODY=8BITMIME"},
		Recipients: []mail.Recipient{
			{Addr: addr(t, "Bob@Example.net"), Raw: "<Bob@Example.net>", Args: []string{"NOTIFY=NEVER"}},
			{Addr: addr(t, `"a b"@example.net`), Raw: `<"a b"@example.net>`, Args: []string{}},
		},
		Login: "alice", Client: netip.MustParseAddr("2001:db8::7"), ClientPort: 25, Helo: "client.example", Host: "mx.example", Daemon: "submission", QueueID: "4QUEUE",
	}
	if !reflect.DeepEqual(m.Envelope, want) {
		t.Errorf("envelope\n%+v, want\n%+v", m.Envelope, want)
	}
}

func addr(t *testing.T, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRefusedRecipientKeepsTheOthers(t *testing.T) {
	var got []*mail.Message
	path := serve(t, &milter.Server{Begin: always(handler{
		rcpt: func(_ context.Context, env *mail.Envelope, to mail.Recipient) error {
			if to.Addr.Local() == "bad" {
				return mail.Reject("5.7.1", "No key.", nil)
			}
			return nil
		},
		message: func(_ context.Context, m *mail.Message) (*mail.Edit, error) {
			got = append(got, m)
			return nil, nil
		},
	})})
	m := connect(t, path)
	m.want("c", 'M', "<alice@example.org>")
	m.want("c", 'R', "<one@example.org>")
	m.want("y550 5.7.1 No key.\x00", 'R', "<bad@example.org>")
	m.want("c", 'R', "<two@example.org>")
	m.content([]string{"From: alice@example.org"})
	if answer := m.finish(); !slices.Equal(answer, []string{"c"}) {
		t.Errorf("answer %q", answer)
	}
	if len(got) != 1 || len(got[0].Envelope.Recipients) != 2 || got[0].Envelope.Recipients[1].Raw != "<two@example.org>" ||
		got[0].Envelope.Helo != "client.example" {
		t.Errorf("got %+v", got)
	}
}

// TestMessagesShareNothing has two messages in each session and lets the second lack all that the first had.
func TestMessagesShareNothing(t *testing.T) {
	for name, between := range map[string]func(*mta){
		"nothing between": func(*mta) {},
		"RSET":            func(m *mta) { m.say('A') },
		"RSET, RSET":      func(m *mta) { m.say('A'); m.say('A') },
		"aborted message": func(m *mta) {
			m.macros('M', "{auth_authen}", "mallory", "i", "3")
			m.envelope("<x@example.org>")
			m.want("c", 'L', "X-Aborted", " yes")
			m.say('A')
		},
		"message that ends in mid-air": func(m *mta) {
			m.macros('M', "{auth_authen}", "mallory", "i", "3")
			m.envelope("<x@example.org>")
			m.want("c", 'L', "X-Aborted", " yes")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got collector
			m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
			m.macros('M', "i", "1", "{auth_authen}", "alice")
			m.want("c", 'M', "<alice@example.org>", "SMTPUTF8")
			m.want("c", 'R', "<one@example.org>", "NOTIFY=NEVER")
			m.content([]string{"X-First: yes"}, "first")
			m.macros('E', "i", "2")
			m.finish()
			between(m)
			m.want("c", 'M', "<>")
			m.want("c", 'R', "<two@example.org>")
			m.content([]string{"X-Second: yes"}, "second")
			m.finish()
			if len(got.got) != 2 {
				t.Fatalf("%d messages", len(got.got))
			}
			if first := got.got[0].Envelope; first.Login != "alice" || first.QueueID != "2" {
				t.Errorf("first message: %+v", first)
			}
			second := got.got[1]
			want := &mail.Envelope{
				RawSender: "<>", Args: []string{}, Client: netip.MustParseAddr("192.0.2.7"), ClientPort: 25, Helo: "client.example", Daemon: "mx",
				Recipients: []mail.Recipient{{Addr: addr(t, "two@example.org"), Raw: "<two@example.org>", Args: []string{}}},
			}
			if !reflect.DeepEqual(second.Envelope, want) {
				t.Errorf("envelope\n%+v, want\n%+v", second.Envelope, want)
			}
			if len(second.Header) != 1 || second.Header[0].Name != "X-Second" || string(second.Body) != "second" {
				t.Errorf("header %q, body %q", second.Header, second.Body)
			}
		})
	}
}

func TestQuitNewConnForgetsTheClient(t *testing.T) {
	var got collector
	m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
	m.deliver("<a@example.org>")
	m.say('K')
	m.deliver("<b@example.org>")
	if len(got.got) != 2 {
		t.Fatalf("%d messages", len(got.got))
	}
	if env := got.got[1].Envelope; env.Helo != "" || env.Client.IsValid() || env.Daemon != "" {
		t.Errorf("envelope after QUIT_NC: %+v", env)
	}
}

func TestUnknownCommandsAreAnswered(t *testing.T) {
	var got collector
	m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
	m.want("c", 'U', "XYZZY")
	m.want("c", 'M', "<alice@example.org>")
	m.want("c", 'U', "XYZZY")
	m.want("c", 'R', "<a@example.org>")
	m.content(nil)
	m.finish()
	if len(got.got) != 1 {
		t.Errorf("%d messages", len(got.got))
	}
	m.say('Q')
	m.gone()
}

func TestNoHandlerAcceptsUnseen(t *testing.T) {
	var got collector
	m := connect(t, serve(t, &milter.Server{
		Begin: func(ctx context.Context, env *mail.Envelope) (milter.Handler, error) {
			if env.Sender.Local() == "foreign" {
				return nil, nil
			}
			return got.begin(ctx, env)
		},
	}))
	m.want("a", 'M', "<foreign@example.org>")
	m.say('A')
	m.deliver("<a@example.org>")
	m.want("a", 'M', "<foreign@example.org>")
	m.deliver("<b@example.org>")
	if len(got.got) != 2 {
		t.Errorf("%d messages", len(got.got))
	}
}

func TestBeginRefuses(t *testing.T) {
	m := connect(t, serve(t, &milter.Server{
		Begin: func(_ context.Context, env *mail.Envelope) (milter.Handler, error) {
			if env.Sender.Local() == "mallory" {
				return nil, mail.Reject("5.7.1", "Not yours.", nil)
			}
			return handler{}, nil
		},
	}))
	m.want("y550 5.7.1 Not yours.\x00", 'M', "<mallory@example.org>")
	m.want("y451 4.5.1 ", 'R', "<a@example.org>")
	if answer := m.deliver("<a@example.org>"); answer[0] != "c" {
		t.Errorf("answer %q", answer)
	}
}

func TestBadAddressesAreRefused(t *testing.T) {
	m := connect(t, serve(t, &milter.Server{Begin: always(handler{})}))
	m.want("y553 5.1.7 The sender is not a valid mail address", 'M', "<a b@example.org>")
	m.want("y553 5.1.7 ", 'M', "<a@example.org>", strings.Repeat("x", 10000))
	m.want("c", 'M', "<>")
	m.want("y553 5.1.3 The recipient is not a valid mail address", 'R', "<a@b@example.org>")
	m.want("y553 5.1.3 ", 'R', "<>")
	m.want("y553 5.1.3 ", 'R', "<a@example.org>", strings.Repeat("x", 10000))
	m.want("c", 'R', "<postmaster>")
}

// TestPartsOutOfOrder: whatever part is missing, Message is not called and the end of message is refused.
func TestPartsOutOfOrder(t *testing.T) {
	for _, events := range []string{"E", "RE", "ME", "MNE", "MLNBE", "MRE", "MRLE", "MRBE", "MRLBE", "MRNLE", "MRNNE", "MRLRNE", "MRNAE",
		"MRNKE", "MRNMRE", "LNBE", "NE", "BE", "MRNBLE", "MRBNE", "MRLBNE"} {
		for _, offer := range []uint32{steps, answered} {
			outOfOrder(t, events, offer)
		}
	}
}

func outOfOrder(t *testing.T, events string, offer uint32) {
	t.Helper()
	var got collector
	m := connectWith(t, serve(t, &milter.Server{Begin: got.begin}), offer)
	last := ""
	for _, code := range []byte(events) {
		args := map[byte][]string{'M': {"<alice@example.org>"}, 'R': {"<bob@example.org>"}, 'L': {"A", " b"}, 'B': {"text"}}[code]
		m.say(code, args...)
		if code != 'A' && code != 'K' {
			last = m.answer(code)
		}
	}
	if len(got.got) != 0 || !strings.HasPrefix(last, "y451 4.5.1 ") {
		t.Errorf("%s: %d messages, answer %q", events, len(got.got), last)
	}
}
