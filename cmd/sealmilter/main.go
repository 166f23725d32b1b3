// Command sealmilter is a milter for Postfix and sendmail that signs outgoing mail with the sender's OpenPGP key and
// gives every envelope recipient a copy encrypted to their own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/coredump"
)

// Exit statuses, fixed because scripts rely on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNo     = 3
)

// errNo is the answer "no" of a command that was asked a question: it is printed already, and ends with status 3.
var errNo = errors.New("no")

func main() {
	// Secret keys, passphrases and clear text come into the memory of nearly every command.
	if err := coredump.Forbid(); err != nil {
		fmt.Fprintf(os.Stderr, "sealmilter: %v\n", err)
		os.Exit(exitFailed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root, started := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var misused usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNo):
		return exitNo
	case !*started, errors.As(err, &misused):
		fmt.Fprintf(stderr, "sealmilter: %v\nUsage: %s\nSee '%s --help'.\n", err, cmd.UseLine(), cmd.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(stderr, "sealmilter: %v\n", err)
		return exitFailed
	}
}

// newRoot returns the command tree. The bool tells, after execution, whether a command began its work.
func newRoot() (*cobra.Command, *bool) {
	started := false
	root := &cobra.Command{
		Use:           "sealmilter",
		Short:         "Sign and encrypt outgoing mail in Postfix and sendmail",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringP("config", "c", "", "configuration `FILE` (default \""+config.DefaultFile+"\", or the built-in defaults where that is missing)")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newServe(), newCheck(), newExplain(), newKeys(), newSetup(), newStore(), newLog(), newDemo(), newHealth(), newVersion(), newMan(),
		newWitness())
	begun(root, &started)
	return root, &started
}
