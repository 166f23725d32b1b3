package milter

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// Values of a Server's fields left at zero.
const (
	DefaultMaxMessage     = 64 << 20
	DefaultMaxInFlight    = 512 << 20
	DefaultMaxRecipients  = 10_000
	DefaultMaxConnections = 1000
)

// ErrServerClosed is returned by [Server.Serve] after [Server.Shutdown].
var ErrServerClosed = errors.New("milter: server closed")

// Server speaks with any number of MTAs. Its fields must not change once it serves; its methods may be called from
// several goroutines. It logs what is wrong with connections and inside the program, never anything of a message but its
// queue id.
type Server struct {
	// Begin is called at MAIL FROM, when the envelope has no recipients yet, from the goroutine of the message. It
	// returns the message's own Handler. A nil Handler means that the message is not ours: the MTA takes it as it is,
	// unseen. An error refuses the message; the rules of [Handler] hold for it, too.
	Begin func(ctx context.Context, env *mail.Envelope) (Handler, error)

	// Other, if set, gets the connections whose first octet cannot begin a milter frame, such as those of Postfix's
	// policy delegation protocol, and owns them while it runs. It reads that octet, too, and sets its own deadlines.
	// Shutdown closes them.
	Other func(net.Conn)

	// Users, if set, tells which local users the clients are.
	Users Users

	// MTA, if set, reports whether an MTA runs as the local user of that name. With Users, no other user of this host can
	// connect over TCP. It is called from several goroutines.
	MTA func(user string) bool

	// Log is where to log; nil means slog.Default().
	Log *slog.Logger

	// MaxMessage limits header and body of one message, in octets: more is answered with 552.
	MaxMessage int64
	// MaxInFlight limits header and body of all messages in work, in octets: more is answered with 452.
	MaxInFlight int64
	// MaxRecipients limits the recipients of one message: more are answered with 452.
	MaxRecipients int
	// MaxConnections limits the connections for the MTAs' clients. Further ones are closed at once, which both MTAs take
	// for a temporary failure by the shipped settings. As many again may be there for the copies of messages in work,
	// with Other, and before it is known what for.
	MaxConnections int
	// FurtherCopies is how many connections the copies of all messages together may have to the MTA beside one for each
	// message. For the MTA's questions about them there are so many more places, also with Other.
	FurtherCopies int
	// InFlight, if set, is told of every change of what MaxInFlight limits, in octets. The calls come one after the other,
	// from the goroutines of the messages, which wait for them.
	InFlight func(octets int64)
	// Observer, if set, is told what becomes of connections and messages.
	Observer Observer

	// GreetingTime limits the time from the connection to the end of the option negotiation, and to the first event.
	GreetingTime time.Duration
	// ReadTimeout limits the wait for the next event between messages and in the envelope, ContentTimeout in header and
	// body, where memory is held. An event must be there as a whole by then.
	ReadTimeout, ContentTimeout time.Duration
	// WriteTimeout limits the sending of one answer with all of its changes to the message.
	WriteTimeout time.Duration
	// Progress is the time between two progress packets while a Handler works.
	Progress time.Duration
	// CommandTime limits Begin and each Rcpt of a Handler.
	CommandTime time.Duration
	// MessageTime limits a message from the first octet of its header to the return of Message. An MTA that takes longer
	// for the content loses the connection; a Handler has its context ended, and whatever error it returns then is
	// answered with 451.
	MessageTime time.Duration
	// Grace is how long a Handler may go on when its context has ended. Then the MTA gets 451, and the connection ends.
	// What the message holds is given back, as is the place of the connection, when the Handler has returned.
	Grace time.Duration

	mu        sync.Mutex
	closing   bool // no message begins
	closed    bool // no connection does
	listeners []net.Listener
	begun     chan struct{}                      // closed when there is one; see Serving
	asked     map[net.Listener][]chan<- struct{} // who waits for a goroutine to come round; see Alive
	conns     map[*conn]bool
	places    places
	serving   sync.WaitGroup // connections
	speaking  sync.WaitGroup // those for clients of the MTA
	limits    limits
	buffers   buffers
	seldom    seldom
	stuck     atomic.Int64 // messages that were given up, and whose handlers still run
}

// Serve accepts connections until the listener fails or Shutdown is called, and closes the listener. It waits when the
// system has no more descriptors or memory for a connection, and then goes on.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.track(l) {
		return ErrServerClosed
	}
	const firstPause, longestPause = 5 * time.Millisecond, time.Second
	for pause := firstPause; ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = firstPause
			s.start(nc)
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.woken(l)
		case s.isClosing():
			return ErrServerClosed
		case isExhausted(err):
			event.AcceptFails.Log(s.log(), event.Err(err), event.Pause(pause))
			time.Sleep(pause)
			pause = min(2*pause, longestPause)
		default:
			return err
		}
	}
}

// isExhausted reports whether accepting may work again later.
func isExhausted(err error) bool {
	for _, errno := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Shutdown takes no new message, closes idle connections at once and the others after the message in work, and waits for all
// of them. What a message in work needs for its copies goes on meanwhile: the MTA asks over connections of other kinds,
// which it may yet have to open. When the context ends first, Shutdown closes the rest, which ends the contexts of their
// handlers, and returns the context's error when these have returned, but after Grace at the latest.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for c := range s.conns {
		if c.kind == speaking {
			c.drain()
		}
	}
	s.mu.Unlock()

	err := wait(ctx, &s.speaking)
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	if err == nil {
		return wait(ctx, &s.serving)
	}
	// A handler may have to note what it has done in the world outside, or that would be done once more.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.times().grace)
	defer cancel()
	_ = wait(grace, &s.serving) // there is an error already
	return err
}

// wait waits for all, or returns the error of a context that ends first.
func wait(ctx context.Context, all *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start serves the connection on its own goroutine, or closes it if the server is closed or has no place for it.
func (s *Server) start(nc net.Conn) {
	log := s.log()
	if addr := nc.RemoteAddr().String(); addr != "" && addr != "@" {
		log = event.With(log, event.MTA(addr))
	}
	s.observer().Connected()
	c := newConn(nc, s.times(), log)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.cut()
		return
	}
	if !s.enter(c) {
		s.crowded(c, arriving)
		c.cut()
		return
	}
	if s.conns == nil {
		s.conns = make(map[*conn]bool)
		s.limits.message = cmp.Or(s.MaxMessage, DefaultMaxMessage)
		s.limits.inFlight = cmp.Or(s.MaxInFlight, DefaultMaxInFlight)
		s.limits.budget.changed = s.InFlight
		s.limits.recipients = cmp.Or(s.MaxRecipients, DefaultMaxRecipients)
	}
	c.session = s.newSession(c)
	s.conns[c] = true
	s.serving.Go(func() {
		defer s.remove(c)
		defer c.cut()
		s.serve(c)
	})
}

// track remembers the listener for Shutdown and reports whether the server still serves.
func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	if begun := s.beginning(); len(s.listeners) == 1 {
		close(begun)
	}
	return !s.closing
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.leave(c)
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}
