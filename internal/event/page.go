package event

import (
	"log/slog"
	"strings"
)

// The status page.
var (
	PageOpened  = Kind{"page.opened", slog.LevelInfo, "the status page was opened", []string{session, browser}, ""}
	PageLeft    = Kind{"page.left", slog.LevelInfo, "the status page was left", []string{session}, ""}
	PageGuess   = Kind{"page.guess", slog.LevelWarn, "a wrong token for the status page", []string{browser}, "Nothing, if it was you. Who can reach the admin listener can guess."}
	PageGuesses = Kind{"page.guesses", slog.LevelWarn, "too many wrong tokens for the status page: nobody is let in for a while", []string{browser},
		"Find out who tries on this host, or let `admin` be a Unix socket."}
	PageNoToken = Kind{"page.no-token", slog.LevelError, "nobody can log in to the status page", []string{errText}, "See `err`: the file of `status.token_file`."}
	PageFailed  = Kind{"page.failed", slog.LevelError, "a page of the status page cannot be shown", []string{errText}, "See `err`: the database or the state directory cannot be read."}
	PageDecided = Kind{"page.decided", slog.LevelInfo, "an administrator has decided a conflict on the status page", []string{address, key, old, why, session, browser}, ""}
	PageUndone  = Kind{"page.undecided", slog.LevelError, "a conflict could not be decided", []string{address, key, errText, session}, "See `err`."}
)

// Session tells sessions of the status page apart. Nothing can be done with it.
func Session(name string) slog.Attr { return slog.String(session, name) }

// Browser is the address of a browser's connection. One over a Unix socket has none, which Go writes as "@".
func Browser(address string) slog.Attr { return slog.String(browser, strings.TrimPrefix(address, "@")) }
