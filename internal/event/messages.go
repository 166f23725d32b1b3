package event

import "log/slog"

// What becomes of a message as a whole.
var (
	MessageRefused = Kind{"message.refused", slog.LevelInfo, "a message is refused",
		[]string{queueID, messageID, from, login, user, count, reply},
		"Nothing; the sender has been told. `sealmilter explain` with the same sender and recipients says the same."}
	MessageDeferred = Kind{"message.deferred", slog.LevelWarn, "a message is to be tried again",
		[]string{queueID, messageID, from, login, user, count, reply},
		"The client tries again, and nobody gets a copy twice. If it goes on, see the line before about the same `queue_id`, and type `sealmilter check`."}
	MessageReturned = Kind{"message.returned", slog.LevelInfo, "message refused, and not left to the MTA to return",
		[]string{queueID, messageID, from, login, user, noticeTo, why}, "Nothing; the sender gets a notice."}
	MessageApart = Kind{"message.apart", slog.LevelInfo, "message refused: it is to be encrypted to all of its recipients or to none",
		[]string{queueID, messageID, from, count, why}, "Nothing, if that is the policy; the sender has been told."}
	NoticeFailed = Kind{"notice.failed", slog.LevelError, "recipients get nothing, and the sender cannot be told",
		[]string{queueID, messageID, noticeTo, recipients, why}, "Tell the sender yourself."}
	NoticeBare = Kind{"notice.bare", slog.LevelError, "a notice cannot be encrypted, so it goes without the reasons",
		[]string{queueID, messageID, noticeTo, key, errText}, "See `err`: the certificate of the sender, or of the archive, cannot be encrypted to."}
)

// Where the mail server splits messages by recipient.
var (
	FrontMessage = Kind{"message.opened", slog.LevelInfo, "message from the front listener",
		[]string{queueID, messageID, frontID, from, login}, ""}
	PassInvalid = Kind{"message.without-pass", slog.LevelWarn, "a message without a valid pass was refused",
		[]string{queueID, from, client, errText},
		"Something sends mail to the inner listener past the front one, or a message was in the queue for more than a week. See `client`."}
	StrangerInside = Kind{"client.inner-refused", slog.LevelWarn, "a stranger at the inner listener was refused",
		[]string{user, mtaUser}, "Find out what this user's program does at the mail server's inner listener."}
)

// Making the copies.
var (
	SealStarted = Kind{"seal.started", slog.LevelDebug, "signing and encrypting begins", []string{queueID, messageID, count}, ""}
	SealDone    = Kind{"seal.done", slog.LevelDebug, "signing and encrypting is done", []string{queueID, messageID, count, sealSeconds}, ""}
	SealFailed  = Kind{"seal.failed", slog.LevelWarn, "signing or encrypting failed", []string{queueID, messageID, author, errText},
		"See `err`. Nothing has left; the client tries again, unless the message itself cannot be read."}
	KeyUnusable = Kind{"sign.key-unusable", slog.LevelError, "the author's key cannot be used", []string{queueID, messageID, author, signer, errText},
		"See `err`: make, import or unlock the secret key of `signer`."}
	LookupPanicked = Kind{"lookup.panicked", slog.LevelError, "a key lookup failed", []string{to, errText, stack},
		"This is a fault of the program: report it with the line. The recipient's mail waits."}
	ArchiveHolds = Kind{"archive.holds", slog.LevelError, "the archive cannot read what is to be encrypted, so it is put off",
		[]string{queueID, messageID, count, errText}, "Put a valid certificate into the file of `crypto.archive_certificate`, and reload."}
	SelfUnreadable = Kind{"self.unreadable", slog.LevelWarn, "the author will not be able to read the encrypted copies",
		[]string{queueID, messageID, author, errText}, "See `err`: the author's own certificate cannot be encrypted to."}
	NoAutocrypt = Kind{"header.no-autocrypt", slog.LevelDebug, "no Autocrypt field", []string{queueID, messageID, author, errText}, ""}
	NoAttached  = Kind{"header.no-attachment", slog.LevelDebug, "no certificate attached", []string{queueID, messageID, author, errText}, ""}
	UnknownHas  = Kind{"correspondence.unknown", slog.LevelWarn,
		"it cannot be found out whether a recipient has the author's certificate; it is attached", []string{author, to, errText},
		"See `err`: the database does not answer."}
)

// The test message of `sealmilter check` and `sealmilter setup`.
var (
	TestDone   = Kind{"test.done", slog.LevelInfo, "a test message has come, and copies can be sent", []string{queueID}, ""}
	TestFailed = Kind{"test.failed", slog.LevelError, "a test message has come, and copies cannot be sent", []string{queueID, errText},
		"See `err`: the mail server's listener for copies does not take them. Type `sealmilter check`."}
)
