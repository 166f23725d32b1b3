package milter

import "net"

// admits reports whether the client of a connection may speak as an MTA. What an MTA says of the login and of the address
// of its own clients is believed, so another program of this host could have any message signed as anybody's.
//
// A Unix socket has owner, group and mode for that. A client in another network has no user here.
func (s *Server) admits(c *conn) bool {
	client, ok := c.RemoteAddr().(*net.TCPAddr)
	own, overTCP := c.LocalAddr().(*net.TCPAddr)
	if s.MTA == nil || s.Users == nil || !ok || !overTCP {
		return true
	}
	name, local := "", true // as long as nothing else is known
	err := guard(func() error {
		name, local = s.Users.Client(c.Conn, unmapped(client), unmapped(own))
		return nil
	})
	if err != nil {
		c.session.failure(err)
	}
	switch {
	case !local:
		return true
	case name != "" && s.MTA(name):
		return true
	default:
		c.log.Error("a program that is no mail server was refused; if it is one, add its user to mta_users in the configuration", "user", name)
		return false
	}
}
