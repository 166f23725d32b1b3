package scripted_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// soup sends events in any order. The program may refuse what it likes and hang up when it likes, but a message that it
// lets pass came in order, with all its parts, and keeps the promises.
func soup(t *testing.T, b *bench) {
	s := &stirrer{t: t, b: b, r: random(t), letter: b.write("bob@example.net")}
	for range 4000 {
		s.stir()
	}
	if s.passed < 20 {
		t.Errorf("only %d messages have passed", s.passed)
	}
}

// stirrer sends events by chance.
type stirrer struct {
	t *testing.T
	b *bench
	r *rand.Rand

	conn   *scripted.Conn // nil before a new connection
	next   int            // the event that is due
	letter letter         // in work
	state  order
	all    []letter
	passed int
}

// order is how far a message has come, and whether all its parts have come in their order.
type order struct {
	phase      byte // 'M' for the envelope, 'L' for the header, 'N' for the body, 0 outside of a message
	recipients int
	broken     bool
}

// events in the order of a message, and then those of no fixed place.
const events = "MRTLNBE" + "RBLAUKHMN"

// stir sends the event that is due, and one time in eight any other, in its place or before it.
func (s *stirrer) stir() {
	if s.conn == nil {
		s.conn, s.next, s.state = s.b.connect(s.t, trusted), 0, order{}
	}
	at, stays := s.next, false
	if s.r.IntN(8) == 0 {
		at, stays = s.r.IntN(len(events)), s.r.IntN(2) == 0
	}
	a, err := s.say(events[at])
	if errors.Is(err, scripted.ErrProtocol) {
		s.t.Errorf("event %c: %v", events[at], err)
	}
	if err != nil {
		_ = s.conn.Close()
		s.conn = nil
		return
	}
	taken := a.Code == scripted.Continue
	if events[at] == 'E' && taken && (s.state.broken || s.state.phase != 'N' || s.state.recipients == 0) {
		s.t.Errorf("%s is taken for a whole message: %+v", s.letter.id, s.state)
	}
	s.state.follow(events[at], taken)
	switch {
	case stays:
	case taken || a.Code == scripted.Skip:
		s.next = (min(at, 6) + 1) % 7
	default:
		s.next = s.r.IntN(7)
	}
}

// follow notes an event.
func (o *order) follow(event byte, taken bool) {
	allowed := true
	switch event {
	case 'M':
		*o = order{}
		if taken {
			o.phase = 'M'
		}
	case 'R':
		allowed = o.phase == 'M'
		if taken {
			o.recipients++
		}
	case 'L':
		allowed = o.phase == 'M' || o.phase == 'L'
		o.phase = event
	case 'N':
		allowed = o.phase == 'M' || o.phase == 'L'
		o.phase = event
	case 'B':
		allowed = o.phase == 'N'
	case 'E', 'A', 'K':
		*o = order{}
	}
	o.broken = o.broken || !allowed
}

func (s *stirrer) say(event byte) (a scripted.Answer, err error) {
	switch event {
	case 'M':
		s.all = append(s.all, s.letter)
		s.letter = s.b.write([]string{"bob@example.net", "erin@example.com"}[s.r.IntN(2)])
		if err := s.conn.Macros('M', "{auth_authen}", "alice"); err != nil {
			return scripted.Answer{}, err
		}
		return s.conn.Mail("<alice@example.org>")
	case 'R':
		return s.conn.Rcpt("<" + s.letter.to[0] + ">")
	case 'T':
		return s.conn.Data()
	case 'L':
		for _, f := range s.letter.header() {
			if a, err = s.conn.Field(f.Name, f.Value); err != nil {
				break
			}
		}
		return a, err
	case 'N':
		return s.conn.EndOfHeader()
	case 'B':
		return s.conn.Body(s.letter.body())
	case 'E':
		edits, a, err := s.conn.EndOfMessage(nil)
		if err == nil && a.Code == scripted.Continue {
			s.passed++
			m := applied(s.t, s.letter, s.letter.header(), edits)
			checkSealed(s.t, "<"+s.letter.to[0]+">", m.Bytes(), s.letter, s.all[max(0, len(s.all)-50):])
		}
		return a, err
	case 'H':
		return s.conn.Helo("client.example")
	case 'U':
		return s.conn.Unknown("XYZZY")
	case 'K':
		err = s.conn.QuitNewConnection()
	default:
		err = s.conn.Abort()
	}
	return scripted.Answer{Code: scripted.Continue}, err
}
