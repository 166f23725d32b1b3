package event

import "log/slog"

// The life of the daemon.
var (
	Serving        = Kind{"serve.started", slog.LevelInfo, "serving", []string{program, listen, reinject, mode}, ""}
	Draining       = Kind{"serve.draining", slog.LevelInfo, "draining", nil, ""}
	Stopped        = Kind{"serve.stopped", slog.LevelInfo, "stopped", nil, ""}
	Reloaded       = Kind{"config.reloaded", slog.LevelInfo, "configuration reloaded", []string{mode}, ""}
	ReloadRefused  = Kind{"config.refused", slog.LevelError, "configuration not reloaded; the old one stays", []string{errText}, "Mend what `err` names, and reload again. `sealmilter check` reads the file, too."}
	NeedsRestart   = Kind{"config.needs-restart", slog.LevelWarn, "some settings that have changed need a restart, and stay as they were until then", []string{settings}, "`systemctl restart sealmilter`"}
	ManagerDeaf    = Kind{"systemd.deaf", slog.LevelWarn, "the service manager does not hear", []string{errText}, "See `err`."}
	Stuck          = Kind{"serve.stuck", slog.LevelError, "the daemon does not live as it should; the service manager will start it anew", []string{errText}, "Report it with the lines before it. Messages in work are tried again by their clients."}
	WebEnded       = Kind{"web.ended", slog.LevelError, "a web listener ended", []string{listen, errText}, "See `err`, and restart the service."}
	WebTrouble     = Kind{"web.trouble", slog.LevelWarn, "a web client was not served", []string{errText}, "Nothing, if it is seldom."}
	LedgerSwept    = Kind{"ledger.swept", slog.LevelDebug, "deleted old records of sent copies", []string{count}, ""}
	LedgerNotSwept = Kind{"ledger.not-swept", slog.LevelError, "old records of sent copies could not be deleted", []string{errText}, "See `err`: the database cannot be written."}
)

// The witness, a process that records what a daemon that has crashed could not.
var (
	WitnessDue     = Kind{"witness.due", slog.LevelWarn, "the milter has ended in the middle of messages; the witness records which of their copies are sent", []string{count}, "Find out why the daemon ended: `journalctl -u sealmilter`."}
	WitnessHolds   = Kind{"witness.holds", slog.LevelError, "messages stay claimed until the witness ends", []string{errText}, "See `err`. The messages are tried again some minutes later."}
	WitnessSettled = Kind{"witness.settled", slog.LevelInfo, "settled what the milter was doing", []string{recorded, count, errText}, "With `err`, a recipient may get a copy twice."}
	WitnessOverrun = Kind{"witness.overrun", slog.LevelWarn, "another host may take over a message while a copy of it is on its way", []string{errText}, "See `err`: the database does not answer. A recipient may get a copy twice."}
	WitnessEnded   = Kind{"witness.ended", slog.LevelError, "the witness of this process has ended and is started again; until then, a crash may repeat a copy that is on its way to the mail server", []string{errText, pause}, "See `err`: the limits for processes and open files."}
)

// Other is for lines that libraries log.
var Other = Kind{"other", slog.LevelInfo, "", nil, "See the line: it comes from a library."}
