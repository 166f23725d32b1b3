package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/keys"
)

// recentCopies is of how many of the last copies the daemon remembers what became of them.
const recentCopies = 200

// newLogger returns the logger of a process that runs in the background; w is its standard error. Watch may be nil.
func newLogger(w io.Writer, c config.Log, state string, watch func(event.Line)) (*slog.Logger, error) {
	o := event.Options{JSON: c.Format == "json", Level: c.Level, Watch: watch}
	if f, is := w.(*os.File); is {
		o.Journal = event.InJournal(f, os.Getenv("JOURNAL_STREAM"))
	}
	var err error
	if c.Addresses != config.PlainAddresses {
		o.Hide, err = newHider(c, func() ([]byte, error) { return event.EnsureSecret(event.SecretFile(state), rand.Reader) })
	}
	return event.NewLogger(w, o), err
}

// newHider returns what the log hides addresses with.
func newHider(c config.Log, secret func() ([]byte, error)) (*event.Hider, error) {
	text, err := secret()
	if err != nil {
		return nil, err
	}
	return event.NewHider(text, c.Addresses == config.HashedLocals), nil
}

// logTokens returns what the log hides addresses with, nil if it hides none or the daemon has never done so.
func logTokens(c *config.Config) (*event.Hider, error) {
	if c.Log.Addresses == config.PlainAddresses {
		return nil, nil
	}
	h, err := newHider(c.Log, func() ([]byte, error) { return event.ReadSecret(event.SecretFile(c.State)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return h, err
}

func newLog() *cobra.Command {
	cmd := &cobra.Command{Use: "log", Short: "Read the log whose addresses are hidden"}
	cmd.AddCommand(newLogToken())
	return cmd
}

func newLogToken() *cobra.Command {
	return &cobra.Command{
		Use:   "token ADDR...",
		Short: "Print what stands in the log for an address, a login, a fingerprint or a Message-ID",
		Long: `Print what stands in the log for each address, login or local user where [log] addresses is not "plain". An
argument of 40 or 64 hexadecimal digits is a fingerprint, and one that begins with message-id: is what follows that.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if c.Log.Addresses == config.PlainAddresses {
				return errors.New(`the log has addresses as they are; log.addresses = "hashed" hides them`)
			}
			h, err := newHider(c.Log, func() ([]byte, error) { return event.ReadSecret(event.SecretFile(c.State)) })
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w; sealmilter serve makes it when it starts with this configuration", err)
			}
			if err != nil {
				return err
			}
			for _, arg := range args {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", tokenOf(h, arg), arg); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func tokenOf(h *event.Hider, arg string) string {
	if id, is := strings.CutPrefix(arg, "message-id:"); is {
		return h.Identifier(strings.TrimSpace(id))
	}
	if fingerprint, err := keys.ParseFingerprint(arg); err == nil {
		return h.Fingerprint(fingerprint)
	}
	return h.Person(arg)
}
