package gate_test

import (
	"net/netip"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
)

// Where the loopback listener asks the milter itself who may come in, the outbox's own connections are let through
// untouched while they are open, and everybody else is refused, however much trusted.
func TestListenerForCopies(t *testing.T) {
	var w *world
	var name string // what it says with EHLO
	begin := func(client netip.AddrPort, daemon string) (ours bool, err error) {
		tx, err := w.Begin(t.Context(), &mail.Envelope{
			Sender: addr(t, "alice@example.org"), Client: client.Addr(), ClientPort: client.Port(), Daemon: daemon, Helo: name,
		})
		return tx != nil, err
	}
	var copies netip.AddrPort // the outbox's end of the connection
	w = newWorld(t, func(s *smtp.Server) {
		backend := s.Backend
		s.Backend = smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
			copies, name = netip.MustParseAddrPort(c.Conn().RemoteAddr().String()), c.Hostname()
			if sealed, err := begin(copies, mail.DaemonCopies); sealed || err != nil {
				t.Errorf("the outbox's own connection: sealed %v, %v", sealed, err)
			}
			// The same address and port can be another user's at the same time, towards another server.
			if sealed, err := begin(copies, "mx.example.org"); !sealed || err != nil {
				t.Errorf("a client of another listener with the same port: sealed %v, %v", sealed, err)
			}
			for _, other := range []netip.AddrPort{
				netip.AddrPortFrom(copies.Addr(), copies.Port()+1),
				netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), copies.Port()),
				netip.AddrPortFrom(copies.Addr(), 0),
				{},
			} {
				if sealed, err := begin(other, mail.DaemonCopies); sealed || code(err) != 550 {
					t.Errorf("a stranger at %v: sealed %v, %v", other, sealed, err)
				}
			}
			// One who had the address and port before.
			own := name
			for _, name = range []string{"", "sealmilter.localhost", own[:len(own)-1], own + "."} {
				if sealed, err := begin(copies, mail.DaemonCopies); sealed || code(err) != 550 {
					t.Errorf("a stranger by the name of %q: sealed %v, %v", name, sealed, err)
				}
			}
			name = own
			return backend.NewSession(c)
		})
	})
	if _, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com"); err != nil {
		t.Fatal(err)
	}
	if !copies.IsValid() {
		t.Fatal("no copy was sent")
	}
	if sealed, err := begin(copies, mail.DaemonCopies); sealed || err != nil {
		t.Errorf("a connection that is kept for the next message: sealed %v, %v", sealed, err)
	}
	w.Outbox.Close()
	if sealed, err := begin(copies, mail.DaemonCopies); sealed || code(err) != 550 {
		t.Errorf("the port of a connection that is closed: sealed %v, %v", sealed, err)
	}
	if sealed, err := begin(copies, "mx.example.org"); !sealed || err != nil {
		t.Errorf("a client of another listener: sealed %v, %v", sealed, err)
	}
}
