package milter_test

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestConnectionsAreLimited: one too many is closed at once, which MTAs take for a temporary failure, and the log says so
// now and then. Those of the other protocol have places of their own, and so have copies, with some more.
func TestConnectionsAreLimited(t *testing.T) {
	var log journal
	server := &milter.Server{
		MaxConnections: 2, FurtherCopies: 1, Begin: always(handler{}), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Other: func(c net.Conn) {
			io.WriteString(c, "yes")
			io.Copy(io.Discard, c)
		},
	}
	clocked(t, server, func(t *testing.T, dial dialer) {
		first, second := dial().begun(), dial().begun()
		refused := func(hello func(*mta)) {
			t.Helper()
			synctest.Wait() // until those before it are gone
			m, start := dial(), time.Now()
			hello(m)
			if got := m.receive(); got != "" || time.Since(start) > 0 {
				t.Errorf("one too many hears %q after %v", got, time.Since(start))
			}
		}
		speaks := func(m *mta) {
			m.negotiate(version, actions, steps)
			m.say('C', "client.example\x00U")
		}
		asks := func(m *mta) { m.send([]byte("request=smtpd_access_policy\n\n")) }
		for range 10 {
			refused(speaks)
		}
		if n := strings.Count(log.String(), "as many as [limits] connections allows"); n != 1 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		time.Sleep(time.Minute)
		refused(speaks)
		if s := log.String(); strings.Count(s, "as [limits] connections") != 2 || !strings.Contains(s, "missed=9") {
			t.Errorf("the log is\n%s", s)
		}

		for range 3 {
			m, answer := dial(), make([]byte, len("yes"))
			asks(m)
			if _, err := io.ReadFull(m, answer); err != nil {
				t.Errorf("the other protocol has no place: %v", err)
			}
		}
		refused(asks)

		// So has the listener for copies, where sendmail asks as well.
		var copies []*mta
		for range 3 {
			m := dial()
			m.negotiate(version, actions, steps)
			m.macros('C', "{daemon_name}", mail.DaemonCopies)
			m.want("c", 'C', "client.example\x00U")
			copies = append(copies, m)
		}
		refused(func(m *mta) {
			m.negotiate(version, actions, steps)
			m.macros('C', "{daemon_name}", mail.DaemonCopies)
			m.say('C', "client.example\x00U")
		})
		copies[0].say('K') // another client follows
		copies[0].macros('C', "{daemon_name}", "smtpd")
		copies[0].say('C', "client.example\x00U")
		copies[0].gone()

		first.Close()
		synctest.Wait()
		third := dial().begun()
		for _, m := range []*mta{second, third} {
			if answer := m.deliver("<bob@example.org>"); answer[0] != "c" {
				t.Errorf("the answer is %q", answer)
			}
		}
	})
}

// TestConnectionsThatSayNothingAreLimited: they are as many as those that speak, or a few, and do not stay for long.
func TestConnectionsThatSayNothingAreLimited(t *testing.T) {
	clocked(t, &milter.Server{MaxConnections: 2, Begin: always(handler{})}, func(t *testing.T, dial dialer) {
		start := time.Now()
		silent := dial()
		for range 15 {
			dial()
		}
		synctest.Wait()
		dial().lived(start, 0)
		silent.lived(start, milter.DefaultGreetingTime)
		dial().begun()
	})
}

// tcp is a connection that looks as if it came over TCP.
type tcp struct{ net.Conn }

func (tcp) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50025} }
func (tcp) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8894} }

// whose says of each connection whose it is.
type whose func() string

func (w whose) Client(net.Conn, netip.AddrPort, netip.AddrPort) (string, bool) { return w(), true }
func (w whose) Name(uint32) string                                             { return "" }

// TestStrangersKeepNobodyOut: a program of this host that is no MTA can neither take up the places, nor speak to the guard,
// nor fill the log.
func TestStrangersKeepNobodyOut(t *testing.T) {
	var log journal
	var user atomic.Value
	user.Store("mallory")
	server := &milter.Server{
		MaxConnections: 20, Begin: always(handler{}), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Users: whose(func() string { return user.Load().(string) }), MTA: func(user string) bool { return user == "mta" },
		Other: func(c net.Conn) { t.Error("a stranger is let in to the guard"); c.Close() },
	}
	clockedWith(t, server, func(c net.Conn) net.Conn { return tcp{c} }, func(t *testing.T, dial dialer) {
		start := time.Now()
		for range 100 {
			dial()
			synctest.Wait()
		}
		user.Store("mta")
		dial().begun()
		if time.Since(start) > 0 {
			t.Errorf("the MTA waits for %v", time.Since(start))
		}
		if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "programs that are no mail servers hold many") {
			t.Errorf("the log is\n%s", s)
		}
		user.Store("mallory")
		time.Sleep(milter.DefaultGreetingTime)
		synctest.Wait()
		for range 10 {
			m := dial()
			m.send([]byte("request=smtpd_access_policy\n\n"))
			m.gone()
		}
		if s := log.String(); strings.Count(s, "\n") != 2 || !strings.Contains(s, "user=mallory") {
			t.Errorf("the log is\n%s", s)
		}
	})
}
