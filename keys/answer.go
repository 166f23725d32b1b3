package keys

import "sealmilter/crypto"

// Status is one of the three answers to the question for an address's key.
type Status uint8

const (
	// Unknown means that a source did not answer which might have a key, or a better one.
	Unknown Status = iota
	// None means that every source answered, and none has a certificate that can be used.
	None
	// Found means that there is a certificate to encrypt to.
	Found
)

// String returns the status in one word.
func (s Status) String() string {
	switch s {
	case None:
		return "none"
	case Found:
		return "found"
	default:
		return "unknown"
	}
}

// Answer is what the directory knows of the key of one address.
type Answer struct {
	Status Status
	// Cert is the certificate to encrypt to; nil unless Status is Found.
	Cert *crypto.Cert
	// Source names the source of Cert, and Level how far it is believed.
	Source string
	Level  Level
	// Why is the reason for None and Unknown, in words for a person, such as "no source has a key".
	Why string
	// SeenBefore is true if the address ever had a key, and also if that could not be found out. An Unknown answer
	// with SeenBefore is no leave to send clear text.
	SeenBefore bool
	// Announced is true if the answer is not Found and the address's domain ever served or announced keys, and also if
	// that could not be found out. It counts as SeenBefore does.
	Announced bool
	// Trace is what each source said, in the order of asking.
	Trace []Step
}

// Step is what one source said of one form of the address.
type Step struct {
	Source  string
	Address string
	Status  Status
	Detail  string // for people
}
