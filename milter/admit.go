package milter

import (
	"net"

	"sealmilter/internal/event"
)

// admits reports whether the client of a connection may speak as an MTA, and whose program it is if it may not. What an
// MTA says of the login and of the address of its own clients is believed, so another program of this host could have any
// message signed as anybody's. It could also take up every connection, which is why it is not let in to Other either.
//
// A Unix socket has owner, group and mode for that. A client in another network has no user here.
func (s *Server) admits(c *conn) (user string, admitted bool) {
	client, ok := c.RemoteAddr().(*net.TCPAddr)
	own, overTCP := c.LocalAddr().(*net.TCPAddr)
	if s.MTA == nil || s.Users == nil || !ok || !overTCP {
		return "", true
	}
	name, local := "", true // as long as nothing else is known
	err := guard(func() error {
		name, local = s.Users.Client(c.Conn, unmapped(client), unmapped(own))
		return nil
	})
	if err != nil {
		c.session.failure(err)
	}
	return name, !local || name != "" && s.MTA(name)
}

// refuse logs that a program spoke which may not.
func (s *Server) refuse(c *conn, user string) {
	s.observer().Refused(Stranger)
	if missed, due := s.seldom.due("stranger " + user); due {
		event.ProgramRefused.Log(c.log, event.User(user), event.Missed(int64(missed)))
	}
}
