package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

func newKeysRefresh() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refresh [ADDR...]",
		Short: "Ask the key sources about the certificates in use, now",
		Long: `Ask the key sources for news of the certificates in use for the addresses, or of all that are in use: later
expiry, new subkeys, revocations. The daemon does so by itself at times drawn by chance; asking about all at once shows
your key servers and their domains with whom you correspond.`,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		addrs, err := parseAddrs(args)
		if err != nil {
			return err
		}
		return withDirectory(cmd, changes, func(_ *installation, d *keys.Directory) error {
			if len(args) == 0 {
				for pin, err := range d.Pins(cmd.Context()) {
					if err != nil {
						return err
					}
					addr, err := mail.ParsePath(pin.Address)
					if err != nil {
						return err
					}
					addrs = append(addrs, addr)
				}
			}
			if len(addrs) == 0 && !*asJSON {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "No certificate is in use yet.")
				return err
			}
			failed := 0
			for _, addr := range addrs {
				result, err := d.Refresh(cmd.Context(), addr)
				if err != nil {
					failed++
					fmt.Fprintf(cmd.ErrOrStderr(), "%v\n", err)
					continue
				}
				if err := printRefreshed(cmd, result, *asJSON); err != nil {
					return err
				}
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d could not be refreshed", failed, len(addrs))
			}
			return nil
		})
	}
	return cmd
}

// refreshedLine is one line of --json.
type refreshedLine struct {
	Address     string       `json:"address"`
	Fingerprint string       `json:"fingerprint"`
	Changed     bool         `json:"changed"`
	Trace       []lookupStep `json:"trace,omitempty"`
}

func printRefreshed(cmd *cobra.Command, r keys.Refreshed, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), refreshedLine{r.Address, r.Fingerprint, r.Changed, traceLines(r.Trace)})
	}
	state := "unchanged"
	if r.Changed {
		state = "changed"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s\n", r.Address, r.Fingerprint, state)
	if len(r.Trace) == 0 {
		b.WriteString("  no remote source can be asked about it\n")
	}
	for _, s := range traceLines(r.Trace) {
		b.WriteString(s.text(r.Address))
	}
	_, err := cmd.OutOrStdout().Write([]byte(b.String()))
	return err
}
