package event

import "log/slog"

// ofCertificate are the attributes of what happened to the certificate of an address.
var ofCertificate = []string{address, key, old, source, why}

// What happens to recipients' certificates.
var (
	KeyPinned   = Kind{"key.pinned", slog.LevelInfo, "key pinned", ofCertificate, ""}
	KeyReplaced = Kind{"key.replaced", slog.LevelInfo, "key replaced", ofCertificate, "Nothing; `why` names the rule."}
	KeyConflict = Kind{"key.conflict", slog.LevelWarn, "another certificate waits for a decision: sealmilter keys list --conflicts", ofCertificate,
		"Find out, by another way than mail, whose certificate is right: `sealmilter keys pin ADDR FINGERPRINT`, or leave it as it is."}
	KeyChanged = Kind{"key.changed", slog.LevelInfo, "key changed", ofCertificate, ""}
	KeyRevoked = Kind{"key.revoked", slog.LevelWarn, "key revoked", ofCertificate,
		"Ask the recipient for their new certificate, if no key source has one."}
	KeyWithdrawn = Kind{"key.withdrawn", slog.LevelWarn, "key withdrawn", ofCertificate,
		"The certificate stays in use. If the recipient does not use it any more: `sealmilter keys remove FINGERPRINT`."}
	KeyOther = Kind{"key.other", slog.LevelInfo, "something has happened to a certificate", ofCertificate, ""}
)

// KeyHappened returns the event for a kind of [sealmilter/keys.Event].
func KeyHappened(kind string) Kind {
	for _, k := range []Kind{KeyPinned, KeyReplaced, KeyConflict, KeyChanged, KeyRevoked, KeyWithdrawn} {
		if k.name == "key."+kind {
			return k
		}
	}
	return KeyOther
}

// Looking after certificates in the background.
var (
	KeyRefreshed = Kind{"refresh.done", slog.LevelDebug, "refreshed a certificate", []string{address, key, changed, sources}, ""}
	RefreshFails = Kind{"refresh.failed", slog.LevelWarn, "a certificate could not be refreshed", []string{errText},
		"See `err`: the database does not answer. It is tried again."}
	AnswersKept = Kind{"refresh.not-swept", slog.LevelWarn, "old answers of key sources cannot be deleted", []string{errText},
		"See `err`: the database cannot be written."}
	NotesLost     = Kind{"correspondence.lost", slog.LevelDebug, "encrypted correspondence is not noted, because too much waits to be", nil, ""}
	NotesFail     = Kind{"correspondence.not-noted", slog.LevelWarn, "encrypted correspondence cannot be noted; keys are attached that need not be", []string{errText}, "See `err`: the database cannot be written."}
	NotesSwept    = Kind{"correspondence.swept", slog.LevelDebug, "deleted old encrypted correspondence", []string{count}, ""}
	NotesKept     = Kind{"correspondence.not-swept", slog.LevelError, "old encrypted correspondence could not be deleted", []string{errText}, "See `err`: the database cannot be written."}
	SMIMEUnusable = Kind{"smime.unusable", slog.LevelWarn, "a certificate for S/MIME cannot be used", []string{file, errText},
		"Replace the file, or take it out of the folder of `keys.smime`."}
)

// The senders' own keys.
var (
	SenderExtended    = Kind{"sender.extended", slog.LevelInfo, "extended a sender's key", []string{key, addresses, expires, until}, "Nothing; give correspondents the new certificate if you hand it out yourself."}
	SenderNotExtended = Kind{"sender.not-extended", slog.LevelError, "a sender's key could not be extended", []string{key, addresses, expires, errText}, "See `err`, before `expires`."}
	SendersUnread     = Kind{"sender.unread", slog.LevelError, "the senders' keys could not be looked after", []string{errText}, "See `err`: state directory, passphrase or database."}
	ExpiryUnread      = Kind{"sender.expiry-unread", slog.LevelError, "the expiry of the senders' keys cannot be read", []string{errText}, "See `err`: state directory, passphrase or database."}
	SenderUnreadable  = Kind{"sender.unreadable", slog.LevelError, "a sender's key cannot be read", []string{key, addresses, errText}, "See `err`: put the file back, or give the passphrase."}
	SenderExpired     = Kind{"sender.expired", slog.LevelError, "a sender's key has expired: nothing can be signed with it", []string{key, addresses, expires}, "Import a later version of the key, or make another one: `sealmilter keys generate ADDR`."}
	SenderExpiring    = Kind{"sender.expiring", slog.LevelWarn, "a sender's key is about to expire", []string{key, addresses, expires, days}, "Extend the key where it was made, and import it again."}
)

// The certificate of the archive.
var (
	ArchiveUnusable = Kind{"archive.unusable", slog.LevelError, "what is to be encrypted is put off until the archive has a valid certificate", []string{why}, "Put a valid certificate into the file of `crypto.archive_certificate`, and reload."}
	ArchiveExpiring = Kind{"archive.expiring", slog.LevelWarn, "what is to be encrypted will be put off", []string{why}, "Put its successor into the file of `crypto.archive_certificate`, and reload."}
)
