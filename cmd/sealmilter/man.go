package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/manual"
)

// configPage is the manual page of the configuration file.
const configPage = "sealmilter.toml"

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages into a folder",
		Long: `Write the manual pages into a folder, in which man1 and man5 are made: one for each command, and one for the
configuration file. With /usr/local/share/man, man(1) finds them. Debian's package has them already.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, p := range manualPages(cmd.Root()) {
				if err := os.MkdirAll(filepath.Join(args[0], filepath.Dir(p.path)), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(args[0], p.path), p.text, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// manualPage is a page with its place below a folder of manuals.
type manualPage struct {
	path string
	text []byte
}

// manualPages writes the pages of a command and of all below it, and that of the configuration file.
func manualPages(root *cobra.Command) []manualPage {
	edition := manual.Edition{Version: version()}
	if built := buildTime(); !built.IsZero() {
		edition.Date = built.UTC().Format(time.DateOnly)
	}
	var all []manualPage
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		c := manualOf(cmd)
		see := []string{configPage + "(5)"}
		if cmd.HasParent() {
			see = append([]string{manualOf(cmd.Parent()).Name() + "(1)"}, see...)
		}
		all = append(all, manualPage{"man1/" + c.Name() + ".1", edition.Page(c, see...)})
		for _, sub := range shown(cmd) {
			add(sub)
		}
	}
	add(root)
	return append(all, manualPage{"man5/" + configPage + ".5", edition.ConfigFile(configPage,
		"the configuration of sealmilter", deploy.Config,
		manual.Section{Name: "FILES", Text: config.DefaultFile},
		manual.Section{Name: "SEE ALSO", Text: "sealmilter(1), sealmilter-check(1), and the pages of docs, which Debian's package has in\n/usr/share/doc/sealmilter/docs."})})
}

// shown returns the commands below a command that are for people.
func shown(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

// manualOf describes a command for its page.
func manualOf(cmd *cobra.Command) manual.Command {
	_, usage, _ := strings.Cut(cmd.UseLine(), " ")
	c := manual.Command{Words: strings.Fields(cmd.CommandPath()), Short: cmd.Short, Long: cmd.Long, Usage: usage}
	if usage == "" {
		c.Usage = "COMMAND"
	}
	for _, sub := range shown(cmd) {
		c.Commands = append(c.Commands, manual.Command{Words: strings.Fields(sub.CommandPath()), Short: sub.Short})
	}
	// Flags that a command inherits are the same everywhere, and there are few.
	for _, flags := range []*pflag.FlagSet{cmd.NonInheritedFlags(), cmd.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			value, said := pflag.UnquoteUsage(f)
			if f.Value.Type() == "bool" {
				value = ""
			}
			fallback := f.DefValue
			if fallback == "false" || fallback == "[]" || fallback == "0" || fallback == "0s" {
				fallback = ""
			}
			c.Flags = append(c.Flags, manual.Flag{Name: f.Name, Letter: f.Shorthand, Value: value, Usage: said, Default: fallback})
		})
	}
	c.More = append(c.More, manual.Section{Name: "EXIT STATUS", Text: exitStatuses})
	if !cmd.HasParent() {
		c.More = append(c.More, manual.Section{Name: "FILES", Text: strings.Join([]string{
			config.DefaultFile + "\n  the configuration, see " + configPage + "(5)",
			deploy.Passphrase + "\n  the passphrase of the senders' secret keys",
			deploy.State + "\n  the database and the secret keys",
		}, "\n\n")})
	}
	return c
}

// exitStatuses explains [exitDone] and the others.
const exitStatuses = `  0   done
  1   failed
  2   the command line was not understood
  3   the answer is "no"`
