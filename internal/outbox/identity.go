package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// Identity tells a message from all others, so that a client's second try can be told from a second message.
type Identity struct {
	digest string
	// named messages have a Message-ID of their client's making.
	named bool
}

// Identify returns the identity of a message as it came: a digest of who sends it and of its content. Left out is what
// changes between two tries: the fields of the way, and what the MTA adds to an incomplete header.
func Identify(m *mail.Message) Identity {
	header, named := ownFields(m)
	h := sha256.New()
	addText(h, m.Envelope.Sender.String())
	addText(h, m.Envelope.Login)
	addText(h, m.Envelope.User) // who a local program runs for is what a login is elsewhere
	for _, f := range header {
		addText(h, f.Name)
		addText(h, f.Value)
	}
	addText(h, "") // no field has an empty name: the body follows
	h.Write(m.Body)
	return Identity{digest: hex.EncodeToString(h.Sum(nil)), named: named}
}

// For returns the identity of the part of a message that goes to some of its recipients, where the MTA has split it: each
// part is tried, and finished, for itself.
func (i Identity) For(recipients []mail.Recipient) Identity {
	h := sha256.New()
	addText(h, i.digest)
	for _, to := range recipients {
		addText(h, to.Addr.String())
	}
	return Identity{digest: hex.EncodeToString(h.Sum(nil)), named: i.named}
}

// ownFields returns the fields that are the same at each try, and whether the client has named the message.
func ownFields(m *mail.Message) (own mail.Header, named bool) {
	header := m.Header
	// Postfix completes a header at its end and in this order: Message-Id, Date, From. A Date before its Message-Id is the
	// client's, and tells one message without a name from the next.
	made := slices.IndexFunc(header, func(f mail.Field) bool { return f.Is("Message-ID") && madeByPostfix(f.Value, m.Envelope.QueueID) })
	if made >= 0 {
		header = header[:made]
	}
	named = made < 0 && header.Get("Message-ID") != ""
	for _, f := range header {
		name := strings.ToLower(f.Name)
		if writtenByFilters(name) {
			continue
		}
		switch name {
		case "received", "return-path", "authentication-results", "received-spf", "delivered-to",
			"dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results":
			continue
		}
		own = append(own, f)
	}
	if named {
		own = withoutLateDate(own)
	}
	return own, named
}

// withoutLateDate takes a Date from the end of a header, where it may be Postfix's own with nothing but From behind it. One
// in front of other fields is the client's: there are programs that give all their messages one Message-ID.
func withoutLateDate(header mail.Header) mail.Header {
	for i := len(header) - 1; i >= 0; i-- {
		switch f := header[i]; {
		case f.Is("Date"):
			return slices.Delete(header, i, i+1)
		case !f.Is("From"):
			return header
		}
	}
	return header
}

// madeByPostfix reports whether a Message-ID is <time.queue-id@host>, or <queue-id@host> with enable_long_queue_ids, which
// no client can make. It is new at each try, like the Date behind it.
func madeByPostfix(id, queueID string) bool {
	return queueID != "" && (strings.Contains(id, "."+queueID+"@") || strings.Contains(id, "<"+queueID+"@"))
}

// writtenByFilters reports whether spam and virus filters in front write the field, whose name is in lower case. Scores,
// times and queue ids in it differ from try to try.
func writtenByFilters(name string) bool {
	for _, prefix := range [...]string{"x-spam", "x-rspamd-", "x-virus-", "x-amavis-", "x-greylist", "dkim-filter", "dmarc-filter"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// addText adds a string with its length, so that no two lists of strings look alike.
func addText(h hash.Hash, s string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(s)))
	h.Write(length[:])
	h.Write([]byte(s))
}

// copyName is the ledger's name for what one recipient gets, the copy or a notice about it, however the recipient is
// spelled: nobody learns from it who that is.
func (i Identity) copyName(to mail.Recipient, notice string) string {
	h := sha256.New()
	addText(h, i.digest)
	addText(h, to.Addr.Local())
	addText(h, to.Addr.Domain())
	addText(h, notice)
	return hex.EncodeToString(h.Sum(nil))
}

// toldOf stands in a copy's name for the fact that its recipient was named in a notice. No notice has this name.
const toldOf = "told"

// sealedFor stands in a copy's name for the fact that it was sealed. No notice has this name.
const sealedFor = "sealed"

// openFor is how long a message that was not finished is remembered. A named one is as long as its client may keep
// trying (RFC 5321, section 4.5.4.1). One without a name cannot be told from the next of its kind, whose copies must not
// be taken for sent because a client gave up on this one.
func (i Identity) openFor() time.Duration {
	if i.named {
		return 5 * 24 * time.Hour
	}
	return time.Hour
}

// clockSkew is how far the clocks of relay hosts may differ, or be put back by people and programs that set them right.
const clockSkew = time.Hour

// latest is the last time by which a record that counts at a time can expire. One that lasts longer was made by a clock
// that was wrong, and would make a later message look sent.
func (i Identity) latest(at time.Time) time.Time { return at.Add(i.openFor() + clockSkew) }
