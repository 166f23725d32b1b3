package milter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// maxFields limits the fields of one header. Real mail has some dozens.
const maxFields = 2000

// phase is how far a message has come.
type phase uint8

const (
	inEnvelope phase = iota
	inHeader
	inBody
)

var errSequence = mail.Defer("4.5.1", "The mail server sent the parts of the message out of order. Please try again later.", nil)

// limits are those that all messages share.
type limits struct {
	message, inFlight int64 // octets
	recipients        int
	budget            budget
}

// transaction is one message on its way in, from MAIL on. It belongs to the session's goroutine.
type transaction struct {
	ctx     context.Context
	cancel  context.CancelFunc
	handler Handler // nil only if failure is set
	env     *mail.Envelope
	phase   phase

	// accepted are the raw arguments of the accepted RCPT TO. The envelope has them, too, but the handler owns that.
	accepted []string

	header mail.Header
	// repeated is 1 if the first field is for us alone: the message has it once more, where no milter sees it.
	repeated int
	body     intake
	size     int64 // octets of header and body, and of the room that is made for them
	limits   *limits

	// outcome is what became of the message, Abandoned until it has an answer, and content when the last of it had come.
	outcome Outcome
	content time.Time

	// failure is the answer at the end of message, once it is known. Nothing more is kept then.
	failure *mail.Failure
}

// fail decides the answer at the end of message. The first failure stands.
func (tx *transaction) fail(f *mail.Failure) {
	if tx.failure == nil {
		tx.failure = f
	}
	tx.release()
}

// release lets go of header and body.
func (tx *transaction) release() {
	tx.giveBack(tx.size)
	tx.header, tx.body = nil, intake{}
}

// expects reports whether a part of the message is wanted, and fails the message if it comes out of order: a message
// that lacks a part must never be taken for a whole one.
func (tx *transaction) expects(inOrder bool) bool {
	if tx.failure == nil && (!inOrder || len(tx.accepted) == 0) {
		tx.fail(errSequence)
	}
	return tx.failure == nil
}

// hold reserves room for n octets of the message.
func (tx *transaction) hold(n int) bool {
	switch {
	case int64(n) > tx.most()-tx.size:
		tx.fail(&mail.Failure{Code: 552, Enhanced: "5.3.4",
			Text: fmt.Sprintf("The message is too large: the mail encryption service takes %d octets.", tx.most())})
		return false
	case !tx.limits.budget.take(int64(n), tx.limits.inFlight):
		tx.fail(errBudget)
		return false
	}
	tx.size += int64(n)
	return true
}

// most returns how many octets the message may take of the budget.
func (tx *transaction) most() int64 { return min(tx.largest(), tx.limits.inFlight) }

// largest returns how many octets the message may have. Where the MTA brings it from its front listener, it is in base64,
// in which a message that was let in there is half as large again at most.
func (tx *transaction) largest() int64 {
	if tx.env.Daemon == mail.DaemonInner {
		return tx.limits.message + tx.limits.message/2
	}
	return tx.limits.message
}

// addFieldOf adds what a header event has: a name, NUL, a value, NUL.
func (tx *transaction) addFieldOf(data []byte) {
	if !isField(data) {
		tx.fail(&mail.Failure{Code: 554, Enhanced: "5.6.0", Text: "The message has a malformed header field."})
		return
	}
	name, value, _ := strings.Cut(string(data[:len(data)-1]), "\x00")
	tx.addField(name, value)
}

func (tx *transaction) addField(name, value string) {
	if !tx.expects(tx.phase <= inHeader) || !tx.hold(len(name)+len(value)) {
		return
	}
	if len(tx.header) == maxFields {
		tx.fail(&mail.Failure{Code: 552, Enhanced: "5.3.4",
			Text: fmt.Sprintf("The message has more than %d header fields.", maxFields)})
		return
	}
	tx.phase = inHeader
	tx.header = append(tx.header, mail.Field{Name: name, Value: withCRLF(value)})
}

func (tx *transaction) endHeader() {
	if tx.expects(tx.phase <= inHeader) {
		tx.phase = inBody
	}
}

// addChunk keeps a part of the body. Room that is made for the rest of it counts as taken.
func (tx *transaction) addChunk(b []byte) {
	if !tx.expects(tx.phase == inBody) {
		return
	}
	if !tx.body.fits(len(b)) {
		tx.giveBack(tx.body.settle())
		if !tx.hold(len(b)) {
			return
		}
	}
	more := tx.body.wants(len(b), min(announcedSize(tx.env.Args), tx.largest()))
	if more > 0 && more <= tx.most()-tx.size && tx.limits.budget.take(more, tx.limits.inFlight) {
		tx.size += more
		tx.body.reserve(len(b), more)
	}
	tx.body.add(b)
}

// giveBack returns n octets to the budget.
func (tx *transaction) giveBack(n int64) {
	tx.limits.budget.give(n)
	tx.size -= n
}

// whole returns the message at its end. The handler may change what it gets.
func (tx *transaction) whole() (*mail.Message, error) {
	if !tx.expects(tx.phase == inBody) {
		return nil, tx.failure
	}
	return &mail.Message{Envelope: tx.env, Header: slices.Clone(tx.header[tx.repeated:]), Body: tx.body.take()}, nil
}
