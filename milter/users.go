package milter

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

// Users knows the local users of the host it runs on. Its methods are called from several goroutines, and must not wait
// for anybody.
type Users interface {
	// Client returns the user whose program is the client of an SMTP session that the MTA at the other end of mta is
	// about to serve at the address server, of which any part may be missing. Local reports whether the client is on
	// this host at all; the name is "" if it is, but whose it is cannot be told.
	Client(mta net.Conn, client, server netip.AddrPort) (name string, local bool)
	// Name returns the name of the user with that number, "" if it cannot tell now.
	Name(uid uint32) string
}

// identify finds the local user behind the client of a session that begins. The MTA does not greet the client before it
// has the answer to this event, so the client is still there.
func (s *session) identify() error {
	// What is not found out below is not known.
	s.user, s.local, s.mtaUser = "", s.users != nil && s.client.Addr().IsLoopback(), ""
	// Mail without SMTP has a client without a port.
	if s.users == nil || s.client.Port() == 0 {
		return nil
	}
	s.user, s.local = s.users.Client(s.conn.Conn, s.client, s.server())
	if s.local && s.macros.get("daemon_name", lib.CodeConn) == mail.DaemonInner {
		s.mtaUser = mtaUser(s.conn.Conn, s.users)
	}
	return nil
}

// server returns the MTA's address in the SMTP session, with what is missing left zero. Postfix tells the one that the
// client has called as {daemon_addr}; to sendmail that is where it listens, and the other is {if_addr}, unless it is of
// loopback.
func (s *session) server() netip.AddrPort {
	var addr netip.Addr
	for _, name := range []string{"if_addr", "daemon_addr"} {
		text := strings.TrimPrefix(s.macros.get(name, lib.CodeConn), "IPv6:")
		if parsed, err := netip.ParseAddr(text); err == nil && !addr.IsValid() {
			addr = parsed.Unmap().WithZone("")
		}
	}
	port, err := strconv.ParseUint(s.macros.get("daemon_port", lib.CodeConn), 10, 16)
	if err != nil {
		port = 0
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// pickupField is the Received field that Postfix's pickup service puts above a message from sendmail(1).
var pickupField = regexp.MustCompile(`^ by [^ ()]+ \([^()]+, from userid ([0-9]{1,10})\)\r\n\tid ([0-9A-Za-z]+); [^\r\n]+$`)

// identifySubmitter finds the user who called sendmail(1), at the end of the message. Postfix tells it in its own
// Received field, which it does not show to milters; the shipped header_checks repeat that field, and then the milter
// sees the repetition. It is Postfix's only if it is the first of all fields and has the queue id of this very message,
// which nobody could know when the message was written. That is no proof in an SMTP session: a client may have learned
// from the last queue id what the next one is. Its user is known in another way.
func (s *session) identifySubmitter() {
	tx := s.tx
	switch {
	case s.users == nil || tx.failure != nil || len(tx.header) == 0 || !tx.header[0].Is("Received"):
		return
	case !s.isPostfix() || s.client.Port() != 0:
		return
	case tx.env.Daemon != mail.DaemonLocal && tx.env.Daemon != mail.DaemonFrontLocal:
		return
	}
	found := pickupField.FindStringSubmatch(tx.header[0].Value)
	if found == nil || tx.env.QueueID == "" || found[2] != tx.env.QueueID {
		return
	}
	uid, err := strconv.ParseUint(found[1], 10, 32)
	if err != nil {
		return
	}
	tx.env.User = s.users.Name(uint32(uid))
	tx.repeated = 1
}
