package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

func patterns(t *testing.T, texts ...string) []mail.Pattern {
	t.Helper()
	var all []mail.Pattern
	for _, text := range texts {
		p, err := mail.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestWhoMaySend(t *testing.T) {
	other := patterns(t, "*@lists.example.org")
	for _, tc := range []struct {
		name, login, sender, from string
		client                    string
		nonSMTP                   bool
		local                     bool // the client is on the MTA's host, mx.example.org
		user                      string
		want                      int
		foreign                   bool
	}{
		{name: "own address", login: "alice@example.org", sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "other case", login: "Alice@example.org", sender: "alice@EXAMPLE.org", from: "A <ALICE@example.org>", want: 250},
		{name: "MAIL FROM of another", login: "alice@example.org", sender: "eve@example.org", from: "alice@example.org", want: 550},
		{name: "From of another", login: "alice@example.org", sender: "alice@example.org", from: "eve@example.org", want: 550},
		{name: "one of two in From", login: "alice@example.org", sender: "alice@example.org", from: "alice@example.org, eve@example.org", want: 550},
		{name: "name like an address", login: "alice@example.org", sender: "alice@example.org", from: `"eve@example.org" <alice@example.org>`, want: 250},
		{name: "name in a charset nobody knows", login: "alice@example.org", sender: "alice@example.org", from: "=?windows-1252?Q?J=F6rg?= <alice@example.org>", want: 250},
		{name: "name in raw 8-bit", login: "alice@example.org", sender: "alice@example.org", from: "J\xf6rg <alice@example.org>", want: 250},
		{name: "address in raw 8-bit", login: "alice@example.org", sender: "alice@example.org", from: "alic\xe9@example.org", want: 550},
		{name: "unreadable From", login: "alice@example.org", sender: "alice@example.org", from: "alice at example", want: 550},
		{name: "empty group in From", login: "alice@example.org", sender: "alice@example.org", from: "undisclosed:;", want: 550},
		{name: "two From", login: "alice@example.org", sender: "alice@example.org", from: "alice@example.org\r\nFrom: eve@example.org", want: 550},
		{name: "login without addresses", login: "alice", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "mapped login, other address", login: "lister", sender: "x@lists.example.org", from: "alice@example.org", want: 550},
		{name: "null sender", login: "alice@example.org", sender: "", from: "alice@example.org", want: 250},
		{name: "null sender, From of another", login: "alice@example.org", sender: "", from: "eve@example.org", want: 550},
		{name: "trusted", client: "127.0.0.1", sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "trusted, two names", client: "127.0.0.1", sender: "eve@example.org", from: "alice@example.org", want: 550},
		{name: "root's program", local: true, user: "root", nonSMTP: true, sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "root's program, null sender", local: true, user: "root", nonSMTP: true, sender: "", from: "alice@example.org", want: 250},
		{name: "root's client", client: "127.0.0.1", local: true, user: "root", sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "root's client, two names", client: "127.0.0.1", local: true, user: "root", sender: "eve@example.org", from: "alice@example.org", want: 550},
		{name: "listed user", client: "127.0.0.1", local: true, user: "ann", sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "listed user, both addresses", client: "127.0.0.1", local: true, user: "ann", sender: "bounce@example.org", from: "alice@example.org", want: 250},
		{name: "listed user, null sender", client: "127.0.0.1", local: true, user: "ann", sender: "", from: "alice@example.org", want: 250},
		{name: "listed user, null sender, From of another", client: "127.0.0.1", local: true, user: "ann", sender: "", from: "eve@example.org", want: 550},
		{name: "listed user, MAIL FROM of another", client: "127.0.0.1", local: true, user: "ann", sender: "eve@example.org", from: "alice@example.org", want: 550},
		{name: "listed user, From of another", client: "127.0.0.1", local: true, user: "ann", sender: "alice@example.org", from: "eve@example.org", want: 550},
		{name: "listed user, own name not in the list", client: "127.0.0.1", local: true, user: "ann", sender: "ann@mx.example.org", from: "ann@mx.example.org", want: 550},
		{name: "user without a line", client: "127.0.0.1", local: true, user: "games", sender: "games@mx.example.org", from: "games@mx.example.org", want: 250},
		{name: "user without a line, this host's name left out", client: "127.0.0.1", local: true, user: "games", sender: "games", from: "games@MX.example.org", want: 250},
		{name: "user without a line, other domain", client: "127.0.0.1", local: true, user: "games", sender: "games@example.org", from: "games@example.org", want: 550},
		{name: "user without a line, From of another", client: "127.0.0.1", local: true, user: "games", sender: "games@mx.example.org", from: "alice@example.org", want: 550},
		{name: "user without a line, null sender", client: "127.0.0.1", local: true, user: "games", sender: "", from: "games@mx.example.org", want: 250},
		{name: "user without a line, null sender, From of another", client: "127.0.0.1", local: true, user: "games", sender: "", from: "alice@example.org", want: 550},
		{name: "user without a name", client: "127.0.0.1", local: true, user: "uid:1234", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "user like an address", client: "127.0.0.1", local: true, user: "alice@example.org", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "user of another's name in other letters", client: "127.0.0.1", local: true, user: "ALICE", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "user who has logged in", client: "127.0.0.1", local: true, user: "games", login: "alice@example.org", sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "root who has logged in", client: "127.0.0.1", local: true, user: "root", login: "lister", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "login called root", login: "root", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "local user who is not known", client: "127.0.0.1", local: true, sender: "alice@example.org", from: "alice@example.org", want: 451},
		{name: "local program whose user is not known", local: true, nonSMTP: true, sender: "alice@example.org", from: "alice@example.org", want: 451},
		{name: "local program whose user is not known, null sender", local: true, nonSMTP: true, sender: "", from: "alice@example.org", want: 451},
		{name: "foreign", client: "192.0.2.1", sender: "alice@example.org", from: "alice@example.org", want: 250, foreign: true},
		{name: "program of this host at an address of its own", client: "192.0.2.1", local: true, user: "games", sender: "games@mx.example.org", from: "games@mx.example.org", want: 250},
		{name: "program of this host at an address of its own, as another", client: "2001:db8::1", local: true, user: "games", sender: "alice@example.org", from: "alice@example.org", want: 550},
		{name: "program of this host at an address of its own, user not known", client: "192.0.2.1", local: true, sender: "alice@example.org", from: "alice@example.org", want: 451},
		{name: "nobody knows", sender: "alice@example.org", from: "alice@example.org", want: 451},
	} {
		w := newWorld(t)
		w.Config.Senders.Logins["lister"] = other
		w.Config.Senders.Logins["ann"] = patterns(t, "alice@example.org", "bounce@example.org")
		if err := w.addSigner(addr(t, "games@mx.example.org")); err != nil {
			t.Fatal(err)
		}
		m := message(t, "alice@example.org")
		m.Header, _ = mail.SplitMessage([]byte("From: " + tc.from + "\r\nTo: bob@example.net\r\n\r\n"))
		m.Envelope = &mail.Envelope{Sender: addr(t, tc.sender), Login: tc.login, NonSMTP: tc.nonSMTP,
			Local: tc.local, User: tc.user, Host: "mx.example.org"}
		if tc.client != "" {
			m.Envelope.Client = netip.MustParseAddr(tc.client)
		}
		edit, err := w.submit(t, m, nil, "bob@example.net")
		if code(err) != tc.want || (tc.want == 250 && !tc.foreign) != (edit != nil) {
			t.Errorf("%s: %v, edit %v, want %d", tc.name, err, edit, tc.want)
		}
		if edit != nil && strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s: clear text", tc.name)
		}
	}
}

// Where loopback is not trusted, for a filter hands foreign mail back there perhaps, the host's other addresses are not
// either, and IPv6 not for IPv4's sake.
func TestOwnAddressesAreTrustedAsLoopbackIs(t *testing.T) {
	for _, tc := range []struct {
		trust, client string
		ours          bool
	}{
		{"127.0.0.0/8", "192.0.2.1", true},
		{"127.0.0.0/8", "2001:db8::1", false},
		{"::1/128", "2001:db8::1", true},
		{"10.0.0.0/8", "192.0.2.1", false},
		{"192.0.2.0/24", "192.0.2.1", true},
	} {
		w := newWorld(t)
		w.Config.Senders.Trust = []netip.Prefix{netip.MustParsePrefix(tc.trust)}
		tx, err := w.Begin(t.Context(), &mail.Envelope{Sender: addr(t, "alice@example.org"), Client: netip.MustParseAddr(tc.client), Local: true, User: "root"})
		if err != nil || (tx != nil) != tc.ours {
			t.Errorf("%+v: ours %v, %v", tc, tx != nil, err)
		}
	}
}
