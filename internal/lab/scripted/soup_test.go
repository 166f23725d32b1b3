package scripted_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// soup sends events in any order. The program may refuse what it likes and hang up when it likes, but a message that it lets
// pass keeps the promises.
func soup(t *testing.T, b *bench) {
	r := random(t)
	s := &stirrer{t: t, b: b, r: r, letter: b.write("bob@example.net")}
	for range 6000 {
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
	letter letter         // in work
	all    []letter
	next   int // the event that is due
	passed int
}

// events in the order of a message, and then those of no fixed place.
const events = "MRTLNBE" + "RBLAUKHMN"

// stir sends the event that is due, and one time in eight any other.
func (s *stirrer) stir() {
	if s.conn == nil {
		s.conn, s.next = s.b.connect(s.t, trusted), 0
	}
	at := s.next
	if s.r.IntN(8) == 0 {
		at = s.r.IntN(len(events))
	}
	a, err := s.say(events[at])
	switch {
	case errors.Is(err, scripted.ErrProtocol):
		s.t.Errorf("event %c: %v", events[at], err)
		s.conn = nil
	case err != nil:
		s.conn = nil
	case a.Code == scripted.Continue || a.Code == scripted.Skip:
		s.next = (min(at, 6) + 1) % 7
	default:
		s.next = s.r.IntN(7)
	}
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
			checkSealed(s.t, "<"+s.letter.to[0]+">", applied(s.t, s.letter, s.letter.header(), edits).Bytes(), s.letter, s.all)
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
