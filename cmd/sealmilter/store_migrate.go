package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
)

// builtIn is the name of the database in the state directory.
const builtIn = "built-in"

func newStoreMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate --to URL|" + builtIn,
		Short: "Copy everything to another database: from the built-in one to PostgreSQL, or back",
		Long: `Copy everything that the database of the configuration holds to another one, in one transaction, and compare it with the
original before it counts: all of it is there in the end, or nothing. The daemon is stopped for it, on all hosts that share the
database. Nothing is changed in the original.

--to is the URL of an empty PostgreSQL database as database has it in the configuration, postgres://USER@HOST/DATABASE, or "` + builtIn + `"
for the file in the state directory. A password is better in a file that the URL names (passfile=) than on the command line.`,
		Args: cobra.NoArgs,
	}
	to := cmd.Flags().String("to", "", "`URL` of the PostgreSQL database to copy to, or \""+builtIn+"\"")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag is defined in the line above
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		c, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		target, err := targetOf(c, *to)
		if err != nil {
			return err
		}
		if _, err := os.Stat(c.State); err != nil {
			return fmt.Errorf("state directory: %w; there is nothing to copy", err)
		}
		defer func() { err = errors.Join(err, premises.GiveBack(c.State)) }()
		counts, err := migrate(cmd, c, target)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, t := range counts {
			fmt.Fprintf(out, "%-20s %d rows\n", t.Table, t.Rows)
		}
		fmt.Fprintf(out, "All of it was copied and compared. Next:\n")
		for n, step := range nextSteps(c, *to) {
			fmt.Fprintf(out, "  %d. %s\n", n+1, step)
		}
		return nil
	}
	return cmd
}

// targetOf returns the file or URL of the database to copy to.
func targetOf(c *config.Config, to string) (string, error) {
	switch {
	case to == builtIn && c.Database == "":
		return "", usageError{errors.New("--to: the configuration has the built-in database already")}
	case to == builtIn:
		inner := *c
		inner.Database = ""
		return premises.Database(&inner), nil
	case !store.IsPostgres(to):
		return "", usageError{fmt.Errorf("--to wants the URL of a PostgreSQL database, postgres://USER@HOST/DATABASE, or %q", builtIn)}
	case to == c.Database:
		return "", usageError{errors.New("--to is the database that the configuration has already")}
	}
	return to, nil
}

// migrate copies the database of a configuration.
func migrate(cmd *cobra.Command, c *config.Config, target string) (counts []store.Copied, err error) {
	ctx := cmd.Context()
	from, err := store.OpenAlone(ctx, premises.Database(c), c.State)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	into, err := store.OpenTarget(ctx, target, c.State)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	show := newCopyProgress(cmd)
	err = from.CopyTo(ctx, into, func(t store.Copied) {
		show(t)
		if len(counts) > 0 && counts[len(counts)-1].Table == t.Table {
			counts[len(counts)-1] = t
			return
		}
		counts = append(counts, t)
	})
	return counts, err
}

// newCopyProgress shows a person how far a copy is.
func newCopyProgress(cmd *cobra.Command) func(store.Copied) {
	stderr, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(stderr.Fd())) {
		return func(store.Copied) {}
	}
	var bar *progressbar.ProgressBar
	table := ""
	return func(t store.Copied) {
		if t.Table != table {
			table = t.Table
			bar = progressbar.NewOptions64(t.Of, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("copying "+table),
				progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(t.Rows) // what cannot be shown is copied all the same
		if t.Rows == t.Of {
			_ = bar.Finish()
		}
	}
}

// nextSteps says what is to be done when everything is copied.
func nextSteps(c *config.Config, to string) []string {
	value := `""`
	old := filepath.Join(c.State, "sealmilter.db")
	if to != builtIn {
		value = "the URL that you have given to --to"
	} else {
		old = "the PostgreSQL database"
	}
	steps := []string{
		"set database in the configuration to " + value + ", at the top of the file",
		"sealmilter check",
		"systemctl start sealmilter",
	}
	if to != builtIn && c.Senders.Secrets == config.SecretFiles {
		steps = append(steps, "for several hosts: bring the secret keys from "+filepath.Join(c.State, "secret")+" to all of them, or into the database (docs/database.md)")
	}
	return append(steps, "when mail flows, remove "+old+", or keep it apart; do not go back to it, for it does not know what was sent since")
}
