package milter

import (
	"cmp"

	"sealmilter/internal/event"
)

// kind is what a connection is there for, as far as it is known.
type kind uint8

const (
	arriving  kind = iota // it does not say yet
	unknown               // its client may not speak as an MTA, and has said nothing
	speaking              // for a client of the MTA
	copying               // for a client of the listener for copies, where sendmail asks as it does elsewhere
	otherwise             // for what Server.Other speaks
	kinds
)

// maxUnknown limits the connections of programs that may not speak as an MTA. They are kept until their first octet, to
// tell a probe, which says nothing, from a mail server whose user is missing in the configuration.
const maxUnknown = 16

// minArriving is how many connections may arrive at a time, however few may stay: most of them are probes and soon gone.
const minArriving = 16

// places counts the connections of each kind. Each has a limit of its own: for its copies, a message in work needs one more
// connection to come in, of another kind, so messages in work must never take up all of them. Nor must copies that go over
// further connections keep out those of messages that have one.
type places struct{ taken [kinds]int }

// most returns the limit of a kind.
func (s *Server) most(k kind) int {
	most := cmp.Or(s.MaxConnections, DefaultMaxConnections)
	switch k {
	case unknown:
		return maxUnknown
	case arriving:
		return max(most, minArriving)
	case copying, otherwise:
		return most + s.FurtherCopies
	default:
		return most
	}
}

// enter takes the place of a new connection. The caller holds the server's lock.
func (s *Server) enter(c *conn) bool {
	if s.places.taken[arriving] >= s.most(arriving) {
		return false
	}
	c.kind = arriving
	s.places.taken[arriving]++
	return true
}

// become exchanges the place of a connection for one of another kind. If there is none, this is logged. A server that is
// closing has none for clients of the MTA.
func (s *Server) become(c *conn, k kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.kind == k {
		return true
	}
	if k == speaking && s.closing {
		return false
	}
	if s.places.taken[k] >= s.most(k) {
		s.crowded(c, k)
		return false
	}
	s.leave(c)
	if k == speaking {
		s.speaking.Add(1)
	}
	s.places.taken[k]++
	c.kind = k
	return true
}

// leave gives back the place of a connection. The caller holds the server's lock.
func (s *Server) leave(c *conn) {
	s.places.taken[c.kind]--
	if c.kind == speaking {
		s.speaking.Done()
	}
}

// crowded logs that a connection finds no place. The MTA then tells its clients to try again, by its default action.
func (s *Server) crowded(c *conn, k kind) {
	what := event.Crowded
	if k == unknown {
		what = event.StrangersCrowd
	}
	s.observer().Refused(NoPlace)
	if missed, due := s.seldom.due(what.Name()); due {
		what.Log(c.log, event.Limit(int64(s.most(k))), event.Missed(int64(missed)))
	}
}
