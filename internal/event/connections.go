package event

import "log/slog"

// fault is what to do about an event that is a fault of the program.
const fault = "This is a fault of the program: report it with the line. The client is told to try again."

// ofSession are the attributes of what happens on a connection while a message is on it, and of the connection alone before.
var ofSession = []string{mta, queueID, from, login, user}

// Connections of the mail server to the milter. All have the attribute mta over TCP.
var (
	OfferRefused    = Kind{"milter.refused", slog.LevelError, "no mail is taken on a connection", []string{mta, errText}, "See `err`: the mail server lacks a step of the milter protocol. Type `sealmilter check`."}
	ProgramRefused  = Kind{"client.refused", slog.LevelError, "a program that is no mail server was refused; if it is one, add its user to mta_users in the configuration", []string{mta, user, missed}, "Add the mail server's user to `mta_users`, or find out what the program wants."}
	Crowded         = Kind{"milter.crowded", slog.LevelError, "a connection was refused, for there are as many as [limits] connections allows; the mail server tells its clients to try again", []string{mta, limit, missed}, "Raise `limits.connections`, or have the mail server take fewer clients at a time."}
	StrangersCrowd  = Kind{"client.crowded", slog.LevelError, "programs that are no mail servers hold many connections; further ones are closed at once", []string{mta, limit, missed}, "Find out which program of this host does that: `ss -tp`."}
	AcceptFails     = Kind{"milter.accept-failed", slog.LevelError, "cannot accept a connection", []string{errText, pause}, "See `err`: raise the limit of open files (`LimitNOFILE=` of the unit), or of memory."}
	MTAWent         = Kind{"milter.gone", slog.LevelWarn, "the MTA closed the milter connection in the middle of a message", ofSession, "The mail server's log says why; often its own time limit was over."}
	MTANotTaking    = Kind{"milter.not-taking", slog.LevelWarn, "the MTA did not take an answer in time", append(ofSession, seconds), "See whether the mail server hangs, or the host is overloaded."}
	MTANotGiving    = Kind{"milter.not-giving", slog.LevelWarn, "the MTA did not hand over a message in time", append(ofSession, seconds, limit), "See whether the mail server hangs, or the host is overloaded."}
	MTANotGreeting  = Kind{"milter.not-greeting", slog.LevelWarn, "the MTA did not say for whom a connection is", append(ofSession, seconds), "See whether the mail server hangs, or something else connects to the milter."}
	MTASilent       = Kind{"milter.silent", slog.LevelWarn, "the MTA was silent for too long", append(ofSession, seconds), "See whether the mail server hangs."}
	ConnectionBroke = Kind{"milter.broken", slog.LevelWarn, "the milter connection broke", append(ofSession, errText), "See `err`."}
	Panicked        = Kind{"milter.panicked", slog.LevelError, "a panic was caught", append(ofSession, errText, stack), fault}
	InternalError   = Kind{"milter.internal", slog.LevelError, "internal error", append(ofSession, errText), "See `err`: the database, the disk or the mail server's listener for copies. The client is told to try again."}
	NotTaken        = Kind{"milter.not-taken", slog.LevelWarn, "mail was not taken", append(ofSession, errText), "See `err`, the reason behind what the client was told."}
	GivenUp         = Kind{"milter.given-up", slog.LevelError, "a message was given up, for the work on it does not end", append(ofSession, why, seconds), fault}
	TimeUp          = Kind{"milter.time-up", slog.LevelWarn, "the time for a message was up", append(ofSession, errText), "See `err`, what was waited for; `limits.duration` is the time."}
)
