package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
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
		addrs, err := parseAddrs(args)
		if err != nil {
			return err
		}
		return withDirectory(cmd, looks, func(_ *installation, directory *keys.Directory) error {
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
	Level       string       `json:"level,omitempty"`
	Why         string       `json:"why,omitempty"`
	SeenBefore  bool         `json:"seen_before"`
	Announced   bool         `json:"announced"`
	Keys        []string     `json:"keys,omitempty"` // what each key of the certificate is used for, in words
	Trace       []lookupStep `json:"trace,omitempty"`
}

type lookupStep struct {
	Source  string `json:"source"`
	Address string `json:"address"`
	Status  string `json:"status"`
	Detail  string `json:"detail,omitempty"`
}

func newLookupLine(addr mail.Addr, a keys.Answer) lookupLine {
	line := lookupLine{Address: addr.String(), Status: a.Status.String(), Source: a.Source, Why: a.Why,
		SeenBefore: a.SeenBefore, Announced: a.Announced, Trace: traceLines(a.Trace)}
	if a.Cert != nil {
		line.Fingerprint, line.Algorithm, line.Level = a.Cert.Fingerprint(), a.Cert.Algorithm(), a.Level.String()
		line.Keys = keyStates(a.Cert)
	}
	return line
}

// keyStates says of each key of a certificate whether it is used, and why not.
func keyStates(cert *crypto.Cert) []string {
	var states []string
	for _, key := range cert.Explain(time.Now()) {
		states = append(states, key.String())
	}
	return states
}

func traceLines(trace []keys.Step) []lookupStep {
	var lines []lookupStep
	for _, s := range trace {
		lines = append(lines, lookupStep{s.Source, s.Address, s.Status.String(), s.Detail})
	}
	return lines
}

// text is the step as one line for people who look at an address. Another one that a source was asked for is named.
func (s lookupStep) text(address string) string {
	source := cmp.Or(s.Source, "key directory")
	if s.Address != address {
		source += " for " + s.Address
	}
	return fmt.Sprintf("  %s: %s\n", source, cmp.Or(s.Detail, s.Status))
}

func (l lookupLine) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", l.Address, l.Status)
	if l.Fingerprint != "" {
		fmt.Fprintf(&b, " %s (%s, from %s, trust level %s)", l.Fingerprint, l.Algorithm, l.Source, l.Level)
	}
	if l.Why != "" {
		fmt.Fprintf(&b, ": %s", l.Why)
	}
	b.WriteByte('\n')
	for _, state := range l.Keys {
		fmt.Fprintf(&b, "  %s\n", state)
	}
	for _, s := range l.Trace {
		b.WriteString(s.text(l.Address))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
