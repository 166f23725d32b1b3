package milter

import "cmp"

// Load is how much a server has to do at one moment, beside what it may have.
type Load struct {
	// InFlight are the octets of all messages in work, and MostInFlight their limit.
	InFlight, MostInFlight int64
	// Connections are those of each kind.
	Connections []ConnectionLoad
	// Working counts the messages in work: from their MAIL on until the MTA has the answer to their end.
	Working int
	// Stuck counts the messages that were given up, and on which the work has not come to its end.
	Stuck int
	// Closing says that no message is taken any more.
	Closing bool
}

// ConnectionLoad is how many connections of a kind there are.
type ConnectionLoad struct {
	// Kind is one of a fixed set of words: arriving, unknown, mail, copies and guard.
	Kind       string
	Open, Most int
}

// Load returns what the server has to do now.
func (s *Server) Load() Load {
	s.limits.budget.mu.Lock()
	l := Load{InFlight: s.limits.budget.held, MostInFlight: cmp.Or(s.MaxInFlight, DefaultMaxInFlight), Stuck: int(s.stuck.Load())}
	s.limits.budget.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	l.Closing = s.closing
	for k := range kinds {
		l.Connections = append(l.Connections, ConnectionLoad{k.String(), s.places.taken[k], s.most(k)})
	}
	for c := range s.conns {
		c.mu.Lock()
		if c.busy {
			l.Working++
		}
		c.mu.Unlock()
	}
	return l
}

// String is a word for metrics.
func (k kind) String() string {
	switch k {
	case arriving:
		return "arriving"
	case unknown:
		return "unknown"
	case speaking:
		return "mail"
	case copying:
		return "copies"
	case otherwise:
		return "guard"
	default:
		return "none"
	}
}
