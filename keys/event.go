package keys

import "time"

// EventKind is what has happened to the certificate of an address.
type EventKind string

const (
	// Pinned is the first use of a certificate.
	Pinned EventKind = "pinned"
	// Replaced is a pinned certificate that gave way to another by the rules.
	Replaced EventKind = "replaced"
	// Conflicting is a certificate that may not take the place of the pinned one: an administrator must decide.
	Conflicting EventKind = "conflict"
	// Changed is a certificate of which a new copy brought something new, such as a later expiry.
	Changed EventKind = "changed"
	// Revoked is a certificate of which a new copy brought a revocation.
	Revoked EventKind = "revoked"
	// Withdrawn is a certificate that its source no longer gives. It stays in use.
	Withdrawn EventKind = "withdrawn"
)

// Event is something that has happened to the certificate of an address.
type Event struct {
	Kind        EventKind
	Address     string // as it is looked up; "" if it is not about one address
	Fingerprint string
	Source      string
	// Old is the fingerprint of the pinned certificate of a Replaced or Conflicting one.
	Old string
	// Why is for people.
	Why string
}

// Observer is told what the directory does. Its methods are called from several goroutines and do not block.
type Observer interface {
	// Asked tells that a remote source was asked a question, what it said, and how long that took.
	Asked(source string, status Status, took time.Duration)
	// Happened tells of an event, after it is on stable storage.
	Happened(Event)
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Asked(string, Status, time.Duration) {}
func (nobody) Happened(Event)                      {}
