package milter

import (
	"cmp"
	"errors"
	"time"
)

// Values of a Server's times left at zero.
const (
	// DefaultGreetingTime is plenty: both MTAs speak as soon as they are connected.
	DefaultGreetingTime = 30 * time.Second
	// DefaultReadTimeout is longer than sendmail waits for a silent SMTP client (its Timeout.command is 1 hour).
	DefaultReadTimeout = 2 * time.Hour
	// DefaultContentTimeout is short, for both MTAs read the content from their own disk.
	DefaultContentTimeout = time.Minute
	// DefaultWriteTimeout lets an MTA with a slow disk take a large message.
	DefaultWriteTimeout = 2 * time.Minute
	// DefaultProgress stays below sendmail's default limit for one reply, 10 seconds.
	DefaultProgress = 3 * time.Second
	// DefaultCommandTime, with DefaultGrace, stays below the 60 seconds that the shipped settings give the MTAs.
	DefaultCommandTime = 40 * time.Second
	// DefaultMessageTime comes before the 10 minutes after which clients (RFC 5321, section 4.5.3.2.6) and sendmail, by
	// the shipped settings, give up.
	DefaultMessageTime = 9 * time.Minute
	DefaultGrace       = 15 * time.Second
)

// ErrTime is the cause ([context.Cause]) for which the context of a [Handler] ends when its time is up.
var ErrTime = errors.New("milter: the time for the message is up")

// times are the limits in time of one connection.
type times struct {
	greeting, idle, content, write, progress, command, message, grace time.Duration
}

func (s *Server) times() times {
	message := cmp.Or(s.MessageTime, DefaultMessageTime)
	return times{
		greeting: cmp.Or(s.GreetingTime, DefaultGreetingTime),
		idle:     cmp.Or(s.ReadTimeout, DefaultReadTimeout),
		content:  cmp.Or(s.ContentTimeout, DefaultContentTimeout),
		write:    cmp.Or(s.WriteTimeout, DefaultWriteTimeout),
		progress: cmp.Or(s.Progress, DefaultProgress),
		command:  min(cmp.Or(s.CommandTime, DefaultCommandTime), message),
		message:  message,
		grace:    cmp.Or(s.Grace, DefaultGrace),
	}
}
