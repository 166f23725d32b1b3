package milter

import (
	"time"

	"sealmilter/internal/mail"
)

// Observer is told what becomes of connections and messages, to count it. Its methods are called from several goroutines,
// under the server's lock in part: they neither block nor call the server.
type Observer interface {
	// Connected tells that a connection has come from an MTA or somebody else, before it is known what for.
	Connected()
	// Refused tells that a connection found no place, or that its client may not speak with the server.
	Refused(Refusal)
	// Recipient tells how one RCPT TO of a message that is ours was answered, and how long the MTA waited.
	Recipient(outcome Outcome, took time.Duration)
	// Message tells what became of a message, and how long it took from the end of its content to the answer, 0 if it
	// did not come so far.
	Message(outcome Outcome, took time.Duration)
}

// Refusal is why a connection was refused.
type Refusal string

// The reasons for a refused connection.
const (
	NoPlace  Refusal = "limit" // there are as many connections as may be
	Stranger Refusal = "user"  // the client does not run as the MTA's user
)

// Outcome is what became of a message or a recipient. The zero Outcome is none.
type Outcome string

// What becomes of a message or a recipient.
const (
	Accepted  Outcome = "accepted"  // taken, as it was or changed
	Untouched Outcome = "untouched" // not ours: the MTA takes it unseen
	Deferred  Outcome = "deferred"  // answered with 4xx
	Rejected  Outcome = "rejected"  // answered with 5xx
	Abandoned Outcome = "abandoned" // the MTA or its client ended it before its end
)

// refusedBy returns the outcome of what is answered with a failure.
func refusedBy(f *mail.Failure) Outcome {
	if f.Temporary() {
		return Deferred
	}
	return Rejected
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Connected()                       {}
func (nobody) Refused(Refusal)                  {}
func (nobody) Recipient(Outcome, time.Duration) {}
func (nobody) Message(Outcome, time.Duration)   {}

func (s *Server) observer() Observer {
	if s.Observer != nil {
		return s.Observer
	}
	return nobody{}
}
