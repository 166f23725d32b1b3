package wiring

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"sealmilter/internal/config"
)

func TestParsePostfix(t *testing.T) {
	p := ParsePostfix(
		"mail_version = 3.7.11\ncompatibility_level = 3.6\ninet_interfaces = 192.0.2.1, 127.0.0.1\nempty =\nnot a parameter\n",
		"smtp       inet  n       -       y       -       -       smtpd\n"+
			"127.0.0.1:10026 inet n - - - 7 smtpd -o smtpd_milters=\n"+
			"private/x  unix  -       -       n       -       -       lmtp\nshort line\n",
		"127.0.0.1:10026/inet/smtpd_milters =\nprivate/x/unix/syslog_name = a=b\nsmtp/inet/smtpd_milters = { inet:1:2 }\nnobody/inet/x = y\nbad\n")
	want := []Service{
		{Name: "smtp", Type: "inet", Chroot: true, MaxProcesses: "-", Command: "smtpd", Overrides: map[string]string{"smtpd_milters": "{ inet:1:2 }"}},
		{Name: "127.0.0.1:10026", Type: "inet", MaxProcesses: "7", Command: "smtpd", Overrides: map[string]string{"smtpd_milters": ""}},
		{Name: "private/x", Type: "unix", MaxProcesses: "-", Command: "lmtp", Overrides: map[string]string{"syslog_name": "a=b"}},
	}
	if !reflect.DeepEqual(p.Services, want) {
		t.Errorf("%+v", p.Services)
	}
	if v, set := p.Main["empty"]; p.Version() != "3.7.11" || v != "" || !set {
		t.Errorf("%v", p.Main)
	}
	if got := ParsePostfix("", "smtp inet n - - - - smtpd\n", ""); !got.Services[0].Chroot {
		t.Error("before compatibility level 1, a chroot was the default")
	}
}

func TestClientAddress(t *testing.T) {
	for _, tc := range []struct{ interfaces, service, want string }{
		{"all", "smtp", "127.0.0.1:25"},
		{"all", "25", "127.0.0.1:25"},
		{"loopback-only", "smtp", "127.0.0.1:25"},
		{"192.0.2.1, localhost", "smtp", "127.0.0.1:25"},
		{"192.0.2.1 [2001:db8::1]", "smtp", "192.0.2.1:25"},
		{"[2001:db8::1]", "smtp", "[2001:db8::1]:25"},
		{"all", "192.0.2.7:smtp", "192.0.2.7:25"},
		{"all", "submission", ""},
		{"all", "2525", ""},
	} {
		p := ParsePostfix("inet_interfaces = "+tc.interfaces, tc.service+" inet n - n - - smtpd\n", "")
		if got := p.ClientAddress(); got != tc.want {
			t.Errorf("%s on %s: %q, want %q", tc.service, tc.interfaces, got, tc.want)
		}
	}
}

func TestEndpoint(t *testing.T) {
	tcp := Endpoint{listen: config.Listen{Network: "tcp", Address: "127.0.0.1:8894"}, queue: "/var/spool/postfix"}
	socket := Endpoint{listen: config.Listen{Network: "unix", Address: "/var/spool/postfix/s/m.sock"}, queue: "/var/spool/postfix"}
	outside := Endpoint{listen: config.Listen{Network: "unix", Address: "/var/spool/postfixes/m.sock"}, queue: "/var/spool/postfix"}
	for _, tc := range []struct {
		here    Endpoint
		setting string
		want    bool
	}{
		{tcp, "inet:127.0.0.1:8894", true}, {tcp, "inet:localhost:8894", true}, {tcp, "INET:LocalHost:8894", true},
		{tcp, "inet:127.0.0.1:8895", false}, {tcp, "inet:192.0.2.1:8894", false}, {tcp, "unix:127.0.0.1:8894", false}, {tcp, "inet:8894", false}, {tcp, "", false},
		{socket, "unix:s/m.sock", true}, {socket, "unix:/s/m.sock", true}, {socket, "unix:/var/spool/postfix/s/m.sock", true}, {socket, "local:s//m.sock", true},
		{socket, "unix:m.sock", false}, {socket, "inet:s/m.sock", false},
		{outside, "unix:/var/spool/postfixes/m.sock", true}, {outside, "unix:es/m.sock", false},
	} {
		if got := tc.here.is(tc.setting); got != tc.want {
			t.Errorf("%v is %q: %v", tc.here, tc.setting, got)
		}
	}
	if got := fmt.Sprint(tcp, socket, outside); got != "inet:127.0.0.1:8894 unix:s/m.sock unix:/var/spool/postfixes/m.sock" {
		t.Error(got)
	}
}

func TestNoPostfix(t *testing.T) {
	if _, err := RunHere(t.Context(), "sealmilter-no-such-command"); !errors.Is(err, ErrNoMTA) {
		t.Error(err)
	}
	broken := errors.New("bad configuration")
	_, err := ReadPostfix(t.Context(), func(context.Context, string, ...string) ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || errors.Is(err, ErrNoMTA) {
		t.Error(err)
	}
}
