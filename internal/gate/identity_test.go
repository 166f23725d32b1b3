package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

func TestWhoMaySend(t *testing.T) {
	other := []mail.Pattern{}
	p, err := mail.ParsePattern("*@lists.example.org")
	if err != nil {
		t.Fatal(err)
	}
	other = append(other, p)
	for _, tc := range []struct {
		name, login, sender, from string
		client                    string
		nonSMTP                   bool
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
		{name: "local program", client: "127.0.0.1", nonSMTP: true, sender: "alice@example.org", from: "alice@example.org", want: 250},
		{name: "foreign", client: "192.0.2.1", sender: "alice@example.org", from: "alice@example.org", want: 250, foreign: true},
		{name: "nobody knows", sender: "alice@example.org", from: "alice@example.org", want: 451},
	} {
		w := newWorld(t)
		w.Config.Senders.Logins["lister"] = other
		m := message(t, "alice@example.org")
		m.Header, _ = mail.SplitMessage([]byte("From: " + tc.from + "\r\nTo: bob@example.net\r\n\r\n"))
		m.Envelope = &mail.Envelope{Sender: addr(t, tc.sender), Login: tc.login, NonSMTP: tc.nonSMTP}
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
