package event

import "log/slog"

// copyPrefix begins the names of the events of which there is one for each copy.
const copyPrefix = "copy."

// ofCopy are the attributes of what became of one copy.
var ofCopy = []string{queueID, messageID, from, to, login, user, decision, mode, rule, why, key, source, trust, queued, sealSeconds, seconds}

// What became of one copy. There is one of these for each recipient of a message, when all copies are in the mail
// server's queue, or when the message is refused for what was decided about one of them.
var (
	CopyEncrypted = Kind{"copy.encrypted", slog.LevelInfo, "a copy is accepted, encrypted", ofCopy, ""}
	CopySigned    = Kind{"copy.signed", slog.LevelInfo, "a copy is accepted, signed clear text", ofCopy, ""}
	CopyPassed    = Kind{"copy.passed", slog.LevelInfo, "a copy is accepted, untouched", ofCopy, ""}
	CopyRejected  = Kind{"copy.rejected", slog.LevelInfo, "a copy is rejected", ofCopy,
		"Nothing, if that is the policy; the sender has been told. `sealmilter explain` shows who was asked for a key."}
	CopyDeferred = Kind{"copy.deferred", slog.LevelWarn, "a copy is deferred", ofCopy,
		"The client tries again. If it goes on, see `why`: a key source does not answer, or a secret key cannot be used. `sealmilter check` names it."}
	CopyFailed = Kind{"copy.failed", slog.LevelWarn, "the MTA refuses a copy", []string{queueID, messageID, to, errText},
		"See what the mail server says. The sender gets a notice, or has the message refused."}
)

// The way of a copy into the mail server's queue.
var (
	CopySent = Kind{"copy.sent", slog.LevelDebug, "a copy is in the mail server's queue", []string{queueID, messageID, to, queued, seconds}, ""}
)

// CopyDecided returns the event for what became of a copy by a decision: encrypt, sign, pass or reject. Everything else has
// not left.
func CopyDecided(decision string) Kind {
	switch decision {
	case "encrypt":
		return CopyEncrypted
	case "sign":
		return CopySigned
	case "pass":
		return CopyPassed
	case "reject":
		return CopyRejected
	default:
		return CopyDeferred
	}
}
