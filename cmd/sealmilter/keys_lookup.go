package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

func newKeysLookup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lookup ADDR...",
		Short: "Look up the keys of addresses as the daemon does, and say who said what",
		Long: `Look up the key that would be used for each address, with what each source said.
The exit status is 3 if an address has no key, or the lookup failed.`,
		Args: cobra.MinimumNArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		addrs := make([]mail.Addr, len(args))
		for i, arg := range args {
			var err error
			if addrs[i], err = mail.ParseAddr(arg); err != nil {
				return err
			}
		}
		return withInstallation(cmd, func(i *installation) error {
			directory := i.directory(i.config)
			missing := false
			for _, addr := range addrs {
				answer := directory.Lookup(cmd.Context(), addr)
				missing = missing || answer.Status != keys.Found
				line := newLookupLine(addr, answer)
				var err error
				if *asJSON {
					err = printJSON(cmd.OutOrStdout(), line)
				} else {
					err = line.print(cmd.OutOrStdout())
				}
				if err != nil {
					return err
				}
			}
			if missing {
				return errNo
			}
			return nil
		})
	}
	return cmd
}

// lookupLine is the answer for one address.
type lookupLine struct {
	Address     string       `json:"address"`
	Status      string       `json:"status"` // found, none or unknown
	Fingerprint string       `json:"fingerprint,omitempty"`
	Algorithm   string       `json:"algorithm,omitempty"`
	Source      string       `json:"source,omitempty"`
	Why         string       `json:"why,omitempty"`
	SeenBefore  bool         `json:"seen_before"`
	Trace       []lookupStep `json:"trace,omitempty"`
}

type lookupStep struct {
	Source  string `json:"source"`
	Address string `json:"address"`
	Status  string `json:"status"`
	Detail  string `json:"detail,omitempty"`
}

func newLookupLine(addr mail.Addr, a keys.Answer) lookupLine {
	line := lookupLine{Address: addr.String(), Status: a.Status.String(), Source: a.Source, Why: a.Why, SeenBefore: a.SeenBefore}
	if a.Cert != nil {
		line.Fingerprint, line.Algorithm = a.Cert.Fingerprint(), a.Cert.Algorithm()
	}
	for _, s := range a.Trace {
		line.Trace = append(line.Trace, lookupStep{s.Source, s.Address, s.Status.String(), s.Detail})
	}
	return line
}

func (l lookupLine) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", l.Address, l.Status)
	if l.Fingerprint != "" {
		fmt.Fprintf(&b, " %s (%s, from %s)", l.Fingerprint, l.Algorithm, l.Source)
	}
	if l.Why != "" {
		fmt.Fprintf(&b, ": %s", l.Why)
	}
	b.WriteByte('\n')
	for _, s := range l.Trace {
		fmt.Fprintf(&b, "  %-6s %s: %s\n", cmp.Or(s.Source, "-"), s.Address, cmp.Or(s.Detail, s.Status))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
