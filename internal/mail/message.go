package mail

import "io"

// Message is one whole message as the MTA showed it. The handler owns it until it answers.
type Message struct {
	Envelope *Envelope
	Header   Header
	// Body follows the empty line after the header. Lines end in CRLF as the client sent them; the last one may
	// not end at all.
	Body []byte
}

// Edit is what the MTA is asked to do with the message in its hands before it queues it. The zero Edit changes
// nothing.
type Edit struct {
	// Discard drops the message: every recipient has been served in another way. The other fields are ignored.
	Discard bool
	// Delete names the recipients that do not get this message, by the bytes of their RCPT TO.
	Delete []Recipient
	// Header is the whole new header; nil keeps the old one.
	Header Header
	// Body writes the whole new body with CRLF line ends; nil keeps the old one.
	Body io.WriterTo
	// Answer, if set, is called when the last answer to the message is all that is left to send. Without it, the edit
	// was not carried out.
	Answer func()
	// Done, if set, is called when the edit is not needed any more, carried out or not.
	Done func()
}
