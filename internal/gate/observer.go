package gate

import (
	"time"

	"sealmilter/keys"
)

// Observer is told what the gate does, to count it. Nothing that it gets names anybody: each word is of a fixed set. Its
// methods are called from several goroutines and do not block.
type Observer interface {
	// LookedUp tells what was known of a recipient's key at RCPT TO, and how long that took to find out.
	LookedUp(found keys.Status, took time.Duration)
	// Decided tells what was decided for one recipient, and which row of the policy's table has decided it. What is sent has
	// left when it is told; a message that its client brings again is decided about again.
	Decided(do Action, row string)
	// Sealed tells that all copies of a message were made ready to leave, or why they were not.
	Sealed(took time.Duration, err error)
	// Unsigned tells that the author's key could not be used, so that the message waits.
	Unsigned()
}

// String is a word for metrics.
func (v verdict) String() string {
	switch v {
	case byMode:
		return "mode"
	case alreadyTheirs:
		return "already-theirs"
	case alreadyEncrypted:
		return "already-encrypted"
	case notTheirs:
		return "not-theirs"
	case keyFound:
		return "key-found"
	case noKey:
		return "no-key"
	case lookupFailed:
		return "lookup-failed"
	case keyLost:
		return "key-lost"
	case noAuthorKey:
		return "no-author-key"
	case authorKeyUnusable:
		return "author-key-unusable"
	case archiveUnusable:
		return "archive-unusable"
	case signatureWaived:
		return "signature-waived"
	case signatureDeclined:
		return "signature-declined"
	case notTogether:
		return "not-together"
	default:
		return "undecided"
	}
}

// nobody observes nothing.
type nobody struct{}

func (nobody) LookedUp(keys.Status, time.Duration) {}
func (nobody) Decided(Action, string)              {}
func (nobody) Sealed(time.Duration, error)         {}
func (nobody) Unsigned()                           {}

func (g *Gate) observer() Observer {
	if g.Observer != nil {
		return g.Observer
	}
	return nobody{}
}
