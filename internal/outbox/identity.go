package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"

	"sealmilter/internal/mail"
)

// Identity tells a message from all others, so that a client's second try can be told from a second message.
type Identity struct {
	digest string
	// named messages have a Message-ID of their client's making.
	named bool
}

// Identify returns the identity of a message as it came: who sends it, its Message-ID, and a digest of its content. Left
// out of the digest is what changes between two tries: the fields of the way, and Date, which the MTA adds anew to a
// message without one.
//
// A Message-ID that holds the queue id is Postfix's addition to a message without one, and new at each try.
func Identify(m *mail.Message) Identity {
	name := m.Header.Get("Message-ID")
	if id := m.Envelope.QueueID; id != "" && strings.Contains(name, "."+id+"@") {
		name = ""
	}
	h := sha256.New()
	addText(h, m.Envelope.Sender.String())
	addText(h, m.Envelope.Login)
	addText(h, name)
	for _, f := range m.Header {
		switch strings.ToLower(f.Name) {
		case "received", "return-path", "date", "message-id", "authentication-results", "received-spf", "delivered-to":
			continue
		}
		addText(h, f.Name)
		addText(h, f.Value)
	}
	addText(h, string(m.Body))
	return Identity{digest: hex.EncodeToString(h.Sum(nil)), named: name != ""}
}

// addText adds a string with its length, so that no two lists of strings look alike.
func addText(h hash.Hash, s string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(s)))
	h.Write(length[:])
	h.Write([]byte(s))
}

// copyName is the ledger's name for what one recipient gets, the copy or a notice about it: nobody learns from it who
// that is.
func (i Identity) copyName(to mail.Recipient, notice bool) string {
	h := sha256.New()
	addText(h, i.digest)
	addText(h, to.Addr.String())
	if notice {
		addText(h, "notice")
	}
	return hex.EncodeToString(h.Sum(nil))
}
