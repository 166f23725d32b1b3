package main

import (
	"errors"

	"github.com/spf13/cobra"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// usageError is about the words of the command line, not about what they ask for.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// begun makes a command and those below it note that they have begun their work: an error before that is one of usage.
func begun(cmd *cobra.Command, started *bool) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return work(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		begun(sub, started)
	}
}

// parseAddr reads an argument that is a mail address.
func parseAddr(arg string) (mail.Addr, error) {
	addr, err := mail.ParseAddr(arg)
	if err != nil {
		return addr, usageError{err}
	}
	return addr, nil
}

// parseAddrs reads arguments that are mail addresses.
func parseAddrs(args []string) ([]mail.Addr, error) {
	addrs := make([]mail.Addr, len(args))
	for i, arg := range args {
		var err error
		if addrs[i], err = parseAddr(arg); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}

// checkWhich checks an argument that is a fingerprint or a mail address, perhaps of a user of this host.
func checkWhich(arg string) error {
	if _, err := keys.ParseFingerprint(arg); err == nil {
		return nil
	}
	addr, err := mail.ParsePath(arg)
	if err == nil && addr.IsNull() {
		err = errors.New("say which key: an address or a fingerprint")
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}
