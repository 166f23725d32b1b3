package main

import (
	"log/slog"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/keys"
)

// readSMIME reads the folder with recipients' certificates for S/MIME. What cannot be used in it is logged: who has no
// other certificate there is not known, and no message counts as encrypted to them.
func readSMIME(c *config.Config, log *slog.Logger) (*keys.SMIME, error) {
	return keys.ReadSMIME(c.Keys.SMIME, func(file string, problem error) {
		event.SMIMEUnusable.Log(log, event.File(file), event.Err(problem))
	})
}
