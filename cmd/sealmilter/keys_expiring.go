package main

import (
	"cmp"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/keys"
)

// expiringLine is an address whose certificate is near its end, or cannot be used.
type expiringLine struct {
	Address     string     `json:"address"`
	Fingerprint string     `json:"fingerprint"`
	Source      string     `json:"source"`
	Expires     *time.Time `json:"expires,omitempty"`
	Usable      bool       `json:"usable"`
	// State is "ok", or says why nothing can be encrypted to it.
	State string `json:"state"`
}

// printExpiring prints the addresses to which nothing can be encrypted soon, or already, the most urgent first.
func (i *installation) printExpiring(cmd *cobra.Command, asJSON bool) error {
	all, err := i.needCare(cmd)
	if err != nil {
		return err
	}
	if asJSON {
		for _, line := range all {
			if err := printJSON(cmd.OutOrStdout(), line); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "No recipient's certificate ends within 30 days, and all can be used.")
		return err
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tFINGERPRINT\tFROM\tEXPIRES\tSTATE")
	for _, line := range all {
		expires := "?"
		if line.Expires != nil {
			expires = line.Expires.Format(time.DateOnly)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", line.Address, line.Fingerprint, line.Source, expires, line.State)
	}
	return t.Flush()
}

// needCare returns the addresses whose certificate is near its end, or cannot be used.
func (i *installation) needCare(cmd *cobra.Command) ([]expiringLine, error) {
	var all []keys.Prospect
	for p, err := range i.Local.Prospects(cmd.Context()) {
		if err != nil {
			return nil, err
		}
		if p.Err != nil || p.Expiring(time.Now()) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b keys.Prospect) int {
		return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Address, b.Address))
	})
	lines := make([]expiringLine, len(all))
	for n, p := range all {
		lines[n] = expiringLine{Address: p.Address, Fingerprint: p.Fingerprint, Source: p.Source, Usable: p.Err == nil, State: "ok"}
		if p.Err != nil {
			lines[n].State = p.Err.Error()
		}
		if !p.Expires.IsZero() {
			lines[n].Expires = &p.Expires
		}
	}
	return lines, nil
}
