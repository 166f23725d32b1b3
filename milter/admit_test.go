package milter_test

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sealmilter/milter"
)

// peer says of every client of a milter that it is the same user's.
type peer struct {
	name  string
	local bool
}

func (p peer) Client(net.Conn, netip.AddrPort, netip.AddrPort) (string, bool) {
	if p.name == "panic" {
		panic("no table")
	}
	return p.name, p.local
}

func (p peer) Name(uint32) string { return p.name }

// TestWhoMaySpeakAsAnMTA refuses every local program over TCP but the MTA's own, before it can say a word about a login.
func TestWhoMaySpeakAsAnMTA(t *testing.T) {
	for _, tc := range []struct {
		network, user string
		local, want   bool
	}{
		{"inet", "mta", true, true},
		{"inet", "www-data", true, false},
		{"inet", "", true, false},
		{"inet", "panic", true, false},
		{"inet", "", false, true},
		{"unix", "www-data", true, true},
	} {
		address := "inet:127.0.0.1:0"
		if tc.network == "unix" {
			address = "unix:" + t.TempDir() + "/s"
		}
		l, err := milter.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		var log journal
		serveOn(t, &milter.Server{
			Begin: always(handler{}), Users: peer{tc.user, tc.local}, MTA: func(user string) bool { return user == "mta" },
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		}, l)
		c, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if answer := (&mta{T: t, Conn: c}).negotiate(version, actions, steps); (answer != "") != tc.want {
			t.Errorf("%+v: the answer is %q", tc, answer)
		}
		if said := strings.Contains(log.String(), "add its user to mta_users"); said == tc.want {
			t.Errorf("%+v: the log is\n%s", tc, log.String())
		}
	}
}
