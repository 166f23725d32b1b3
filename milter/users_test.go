package milter_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// users knows the owners of some sockets, and all numbers.
type users struct {
	sockets map[string]string // by client and port of the MTA
	mu      sync.Mutex
	asked   []string
}

func (u *users) Client(_ net.Conn, client, server netip.AddrPort) (string, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	question := fmt.Sprintf("%v at %v", client, server.Port())
	if server.Addr().IsValid() {
		question += " of " + server.Addr().String()
	}
	u.asked = append(u.asked, question)
	name, local := u.sockets[question]
	if name == "panic" {
		panic("no table")
	}
	return name, local
}

func (u *users) Name(uid uint32) string { return fmt.Sprintf("user%d", uid) }

func TestClientIsIdentified(t *testing.T) {
	const loopback = "127.0.0.1"
	u := &users{sockets: map[string]string{
		"127.0.0.1:12345 at 25": "games", "127.0.0.1:12345 at 0": "news", "[::1]:12345 at 25": "ann",
		"127.0.0.1:111 at 25": "", "127.0.0.1:222 at 25": "panic",
		"127.0.0.1:12345 at 25 of 127.0.0.1": "exact", "[::1]:12345 at 25 of ::1": "exact6",
	}}
	port := func(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }
	for _, tc := range []struct {
		client, daemonPort, user string
		local                    bool
		addrs                    []string // macros
	}{
		{"localhost\x004" + port(12345) + loopback, "25", "exact", true, []string{"{daemon_addr}", "127.0.0.1"}},
		{"localhost\x006" + port(12345) + "::1", "25", "exact6", true, []string{"{daemon_addr}", "IPv6:::1"}},
		{"localhost\x004" + port(12345) + loopback, "25", "exact", true, []string{"{daemon_addr}", "0.0.0.0", "{if_addr}", "127.0.0.1"}},
		{"localhost\x004" + port(12345) + loopback, "25", "games", true, []string{"{daemon_addr}", "x", "{if_addr}", ""}},
		{"localhost\x004" + port(12345) + loopback, "25", "games", true, nil},
		{"localhost\x004" + port(12345) + loopback, "", "news", true, nil},
		{"localhost\x004" + port(12345) + loopback, "smtp", "news", true, nil},
		{"localhost\x006" + port(12345) + "IPv6:::1", "25", "ann", true, nil},
		{"localhost\x006" + port(12345) + "::ffff:127.0.0.1", "25", "games", true, nil},
		{"localhost\x004" + port(111) + loopback, "25", "", true, nil},
		{"localhost\x004" + port(222) + loopback, "25", "", true, nil},
		{"localhost\x004" + port(0) + loopback, "25", "", true, nil},
		{"client.example\x004" + port(12345) + "192.0.2.7", "25", "", false, nil},
		{"unknown\x00U", "25", "", false, nil},
	} {
		var got collector
		m := dial(t, serve(t, &milter.Server{Begin: got.begin, Users: u}))
		m.negotiate(version, actions, steps)
		m.macros('C', append([]string{"j", "mx.example.org", "{daemon_port}", tc.daemonPort}, tc.addrs...)...)
		m.want("c", 'C', tc.client)
		for range 2 { // what holds for the session holds for each of its messages
			m.deliver("<bob@example.org>")
		}
		for _, message := range got.got {
			if env := message.Envelope; env.User != tc.user || env.Local != tc.local || env.Host != "mx.example.org" {
				t.Errorf("%q: user %q, local %v, host %q", tc.client, env.User, env.Local, env.Host)
			}
		}
	}
}

// TestClientIsAskedForOncePerSession has the client found before the answer to the connect event, because it may be gone
// later, and forgotten with the session.
func TestClientIsAskedForOncePerSession(t *testing.T) {
	u := &users{sockets: map[string]string{"127.0.0.1:1 at 25": "games"}}
	var got collector
	m := dial(t, serve(t, &milter.Server{Begin: got.begin, Users: u}))
	m.negotiate(version, actions, steps)
	m.macros('C', "{daemon_port}", "25")
	m.want("c", 'C', "localhost\x004\x00\x01127.0.0.1")
	u.mu.Lock()
	if len(u.asked) != 1 {
		t.Errorf("asked %q", u.asked)
	}
	delete(u.sockets, "127.0.0.1:1 at 25")
	u.mu.Unlock()
	m.deliver("<bob@example.org>")
	m.deliver("<bob@example.org>")
	m.say('K')
	m.want("c", 'C', "localhost\x004\x00\x02127.0.0.1")
	m.deliver("<bob@example.org>")
	var named []string
	for _, message := range got.got {
		named = append(named, message.Envelope.User)
	}
	if strings.Join(named, " ") != "games games " || len(u.asked) != 2 {
		t.Errorf("users %q, asked %q", named, u.asked)
	}
}

const pickup = "Received: by mx.example.org (Postfix, from userid 5)\n\tid 4QZ; Mon, 2 Mar 2026 10:00:00 +0100"

// TestSubmitterIsIdentified has messages whose first field is Postfix's own, or looks like it.
func TestSubmitterIsIdentified(t *testing.T) {
	for _, tc := range []struct {
		name, daemon, queueID, first string
		user                         string
		client, version              string // "" is Postfix's pickup service
	}{
		{name: "over SMTP to a listener of that name", daemon: mail.DaemonLocal, queueID: "4QZ", first: pickup, client: "localhost\x004\x30\x39127.0.0.1"},
		{name: "another MTA", daemon: mail.DaemonLocal, queueID: "4QZ", first: pickup, version: "8.17.1.9/8.17.1.9"},
		{name: "Postfix's own", daemon: mail.DaemonLocal, queueID: "4QZ", first: pickup, user: "user5"},
		{name: "in a split", daemon: mail.DaemonFrontLocal, queueID: "4QZ", first: pickup, user: "user5"},
		{name: "another name of the mail system", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.Replace(pickup, "Postfix", "Mail System", 1), user: "user5"},
		{name: "the largest number", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.Replace(pickup, "id 5", "id 4294967295", 1), user: "user4294967295"},
		{name: "a number that is none", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.Replace(pickup, "id 5", "id 4294967296", 1), user: ""},
		{name: "another message's", daemon: mail.DaemonLocal, queueID: "4QY", first: pickup, user: ""},
		{name: "letters of another case", daemon: mail.DaemonLocal, queueID: "4Qz", first: pickup, user: ""},
		{name: "message without a name", daemon: mail.DaemonLocal, queueID: "", first: strings.Replace(pickup, "4QZ", "", 1), user: ""},
		{name: "over SMTP", daemon: "mx", queueID: "4QZ", first: pickup, user: ""},
		{name: "another field first", daemon: mail.DaemonLocal, queueID: "4QZ", first: "X-Received: x", user: ""},
		{name: "text behind", daemon: mail.DaemonLocal, queueID: "4QZ", first: pickup + "\n\tx", user: ""},
		{name: "without a date", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.TrimSuffix(pickup, "; Mon, 2 Mar 2026 10:00:00 +0100"), user: ""},
		{name: "another host in between", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.Replace(pickup, "by ", "from x by ", 1), user: ""},
		{name: "two users", daemon: mail.DaemonLocal, queueID: "4QZ", first: strings.Replace(pickup, "(Postfix", "(Postfix, from userid 0) (Postfix", 1), user: ""},
	} {
		var got collector
		m := dial(t, serve(t, &milter.Server{Begin: got.begin, Users: &users{}}))
		m.negotiate(version, actions, steps)
		m.macros('C', "v", cmp.Or(tc.version, "Postfix 3.7.11"), "{daemon_name}", tc.daemon)
		m.want("c", 'C', cmp.Or(tc.client, "localhost\x004\x00\x00127.0.0.1"))
		m.want("c", 'M', "games@mx.example.org")
		m.want("c", 'R', "bob@example.org")
		m.macros('N', "i", tc.queueID)
		m.content([]string{tc.first, "Received: x", "From: alice@example.org"}, "text\r\n")
		answer := m.finish()
		if len(got.got) != 1 {
			t.Fatalf("%s: %q", tc.name, answer)
		}
		message := got.got[0]
		if message.Envelope.User != tc.user {
			t.Errorf("%s: user %q, want %q", tc.name, message.Envelope.User, tc.user)
		}
		// The repeated field is neither shown nor left in the message.
		wantFields, wantAnswer := 3, []string{"c"}
		if tc.user != "" {
			wantFields, wantAnswer = 2, []string{"m\x00\x00\x00\x01Received\x00\x00", "c"}
		}
		if len(message.Header) != wantFields || strings.Join(answer, "|") != strings.Join(wantAnswer, "|") {
			t.Errorf("%s: header %q, answer %q", tc.name, message.Header, answer)
		}
	}
}

// TestRepeatedFieldAndEdits has the header edits count the repeated field.
func TestRepeatedFieldAndEdits(t *testing.T) {
	const gone = "m\x00\x00\x00\x01Received\x00\x00"
	for name, tc := range map[string]struct {
		edit *mail.Edit
		want []string
	}{
		"discard":      {&mail.Edit{Discard: true}, []string{"d"}},
		"body alone":   {&mail.Edit{Body: strings.NewReader("x\r\n")}, []string{gone, "bx\n", "c"}},
		"other fields": {&mail.Edit{Header: mail.Header{{Name: "Received", Value: " x"}, {Name: "From", Value: " bob"}}}, []string{gone, "m\x00\x00\x00\x01From\x00 bob\x00", "c"}},
		"no Received": {&mail.Edit{Header: mail.Header{{Name: "From", Value: " alice@example.org"}}},
			[]string{"m\x00\x00\x00\x02Received\x00\x00", gone, "c"}},
	} {
		m := dial(t, serve(t, &milter.Server{Begin: edits(tc.edit), Users: &users{}}))
		m.negotiate(version, actions, steps)
		m.macros('C', "v", "Postfix 3.7.11", "{daemon_name}", mail.DaemonLocal)
		m.want("c", 'C', "localhost\x004\x00\x00127.0.0.1")
		m.want("c", 'M', "games@mx.example.org")
		m.want("c", 'R', "bob@example.org")
		m.macros('N', "i", "4QZ")
		m.content([]string{pickup, "Received: x", "From: alice@example.org"}, "text\r\n")
		if got := m.finish(); strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestNobodyIsIdentified has no Users: the fields of a message say nothing then.
func TestNobodyIsIdentified(t *testing.T) {
	var got collector
	m := dial(t, serve(t, &milter.Server{Begin: func(ctx context.Context, env *mail.Envelope) (milter.Handler, error) {
		return got.begin(ctx, env)
	}}))
	m.negotiate(version, actions, steps)
	m.macros('C', "{daemon_name}", mail.DaemonLocal)
	m.want("c", 'C', "localhost\x004\x00\x00127.0.0.1")
	m.want("c", 'M', "games@mx.example.org")
	m.want("c", 'R', "bob@example.org")
	m.macros('N', "i", "4QZ")
	m.content([]string{pickup, "From: alice@example.org"}, "text\r\n")
	m.finish()
	if env := got.got[0].Envelope; env.User != "" || !env.Local || len(got.got[0].Header) != 2 {
		t.Errorf("%+v, %q", env, got.got[0].Header)
	}
}

// TestMTAUserIsAskedForAtTheInnerListener has the user of the MTA's own connection to the milter known there, over TCP and
// over a Unix socket, and nowhere else.
func TestMTAUserIsAskedForAtTheInnerListener(t *testing.T) {
	for daemon, want := range map[string]string{mail.DaemonInner: "mta", "submission": ""} {
		var got collector
		m := dial(t, serve(t, &milter.Server{Begin: got.begin, Users: mtaUsers{}}))
		m.negotiate(version, actions, steps)
		m.macros('C', "{daemon_name}", daemon)
		m.want("c", 'C', "localhost\x004\x30\x39127.0.0.1")
		m.deliver("<bob@example.org>")
		if env := got.got[0].Envelope; env.User != "client" || env.MTAUser != want {
			t.Errorf("%s: user %q, MTA %q", daemon, env.User, env.MTAUser)
		}
	}
}

// mtaUsers tells the connection to the milter from all others.
type mtaUsers struct{}

func (mtaUsers) Client(mta net.Conn, client, server netip.AddrPort) (string, bool) {
	if mta.RemoteAddr().String() == client.String() && mta.LocalAddr().String() == server.String() {
		return "mta", true
	}
	return "client", true
}

func (mtaUsers) Name(uint32) string { return "mta" }
