package event

// All returns every kind, in the order of docs/events.md.
func All() []Kind {
	return []Kind{
		CopyEncrypted, CopySigned, CopyPassed, CopyRejected, CopyDeferred, CopyFailed, CopySent,
		MessageRefused, MessageDeferred, MessageReturned, MessageApart, NoticeFailed, NoticeBare, FrontMessage, PassInvalid,
		SealStarted, SealDone, SealFailed, KeyUnusable, LookupPanicked, ArchiveHolds, SelfUnreadable, NoAutocrypt, NoAttached, UnknownHas,
		TestDone, TestFailed,
		KeyPinned, KeyReplaced, KeyConflict, KeyChanged, KeyRevoked, KeyWithdrawn, KeyOther,
		KeyRefreshed, RefreshFails, AnswersKept, NotesLost, NotesFail, NotesSwept, NotesKept, SMIMEUnusable,
		SenderExtended, SenderNotExtended, SendersUnread, ExpiryUnread, SenderUnreadable, SenderExpired, SenderExpiring,
		ArchiveUnusable, ArchiveExpiring,
		OfferRefused, ProgramRefused, StrangerInside, Crowded, StrangersCrowd, AcceptFails, MTAWent, MTANotTaking, MTANotGiving, MTANotGreeting,
		MTASilent, ConnectionBroke, Panicked, InternalError, NotTaken, GivenUp, TimeUp,
		Serving, Draining, Stopped, Reloaded, ReloadRefused, NeedsRestart, ManagerDeaf, Stuck, WebEnded, WebTrouble, LedgerSwept, LedgerNotSwept,
		WitnessDue, WitnessHolds, WitnessSettled, WitnessOverrun, WitnessEnded,
		PageOpened, PageLeft, PageGuess, PageGuesses, PageNoToken, PageFailed, PageDecided, PageUndone,
		Other,
	}
}
