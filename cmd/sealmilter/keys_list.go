package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/keys"
)

func newKeysList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the certificates, those near their end or in conflict, or the senders' secret keys",
		Long: `List the certificates with the addresses that they serve; a star marks an address for which the certificate is in
use, and FROM says who gave it. With --secret it is the senders' secret keys; with --conflicts, certificates that sources
give for an address beside the one in use, and that only you can put in its place with "keys pin". With --expiring it is the
addresses whose certificate ends within 30 days, or cannot be used any more, those that end first in front.`,
		Args: cobra.NoArgs,
	}
	secret := cmd.Flags().Bool("secret", false, "list the secret keys of senders")
	conflicts := cmd.Flags().Bool("conflicts", false, "list the certificates that wait for a decision")
	expiring := cmd.Flags().Bool("expiring", false, "list the addresses whose certificate ends within 30 days or cannot be used")
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("secret", "conflicts", "expiring")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *conflicts {
			return withDirectory(cmd, looks, func(_ *installation, d *keys.Directory) error { return printConflicts(cmd, d, *asJSON) })
		}
		return withInstallation(cmd, looks, func(i *installation) error {
			if *expiring {
				return i.printExpiring(cmd, *asJSON)
			}
			list := i.certificateLines
			if *secret {
				list = i.secretLines
			}
			out := cmd.OutOrStdout()
			if *asJSON {
				return list(cmd, func(line keyLine) error { return printJSON(out, line) })
			}
			return printTable(out, *secret, func(print func(keyLine) error) error { return list(cmd, print) })
		})
	}
	return cmd
}

// keyLine is one key of a list.
type keyLine struct {
	Fingerprint string     `json:"fingerprint"`
	Addresses   []string   `json:"addresses"`
	UserIDs     []string   `json:"user_ids,omitempty"`
	Algorithm   string     `json:"algorithm,omitempty"`
	Created     *time.Time `json:"created,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
	Usable      bool       `json:"usable"`
	// State is "ok", or says why the key cannot be used.
	State    string   `json:"state"`
	Warnings []string `json:"warnings,omitempty"`
	// Keys say of each key in it whether it is used, and why not.
	Keys []string `json:"keys,omitempty"`
	// Sources say who gave the certificate for which address, and Pinned for which addresses it is the one in use.
	Sources []sourceLine `json:"sources,omitempty"`
	Pinned  []string     `json:"pinned,omitempty"`
	// Locked tells of a secret key whether a passphrase protects it.
	Locked *bool `json:"locked,omitempty"`
}

// sourceLine is who gave a certificate for an address.
type sourceLine struct {
	Address  string `json:"address"`
	Source   string `json:"source"`
	Level    string `json:"level"`
	Assigned bool   `json:"assigned,omitempty"`
}

// from names the sources in one word for people, "-" for none.
func (k keyLine) from() string {
	var names []string
	for _, s := range k.Sources {
		if !slices.Contains(names, s.Source) {
			names = append(names, s.Source)
		}
	}
	return cmp.Or(strings.Join(names, ","), "-")
}

// addresses marks those for which the certificate is in use.
func (k keyLine) addresses() string {
	all := slices.Clone(k.Addresses)
	for i, address := range all {
		if slices.Contains(k.Pinned, address) {
			all[i] += "*"
		}
	}
	return strings.Join(all, ",")
}

// newKeyLine describes a key with its certificate; problem is why it cannot be used.
func newKeyLine(fingerprint string, addresses []string, cert *crypto.Cert, problem error) keyLine {
	line := keyLine{Fingerprint: fingerprint, Addresses: addresses, Usable: problem == nil, State: "ok"}
	if problem != nil {
		line.State = problem.Error()
	}
	if cert != nil {
		created := cert.Created()
		line.Keys = keyStates(cert)
		line.UserIDs, line.Algorithm, line.Warnings, line.Created = cert.UserIDs(), cert.Algorithm(), cert.Warnings(), &created
		if expires, ok := cert.Expires(time.Now()); ok {
			line.Expires = &expires
		}
	}
	return line
}

func (i *installation) certificateLines(cmd *cobra.Command, print func(keyLine) error) error {
	for entry, err := range i.Local.List(cmd.Context()) {
		if err != nil && entry.Fingerprint == "" {
			return err
		}
		if err == nil {
			err = entry.Cert.Check(time.Now())
		}
		line := newKeyLine(entry.Fingerprint, entry.Addresses(), entry.Cert, err)
		line.Pinned = entry.Pinned
		for _, s := range entry.Services {
			line.Sources = append(line.Sources, sourceLine{s.Address, s.Source, s.Level.String(), s.Assigned})
		}
		if err := print(line); err != nil {
			return err
		}
	}
	return nil
}

func (i *installation) secretLines(cmd *cobra.Command, print func(keyLine) error) error {
	all, err := i.Senders.List(cmd.Context())
	if err != nil {
		return err
	}
	for _, key := range all {
		problem := cmp.Or(key.Err, key.Revoked)
		if problem == nil {
			problem = key.Cert.Check(time.Now())
		}
		line := newKeyLine(key.Fingerprint, []string{key.Address}, key.Cert, problem)
		if key.Err == nil {
			line.Locked = &key.Locked
		}
		if err := print(line); err != nil {
			return err
		}
	}
	return nil
}

// printTable prints the lines that list hands to its argument, in columns. Secret keys come from nowhere.
func printTable(w io.Writer, secret bool, list func(print func(keyLine) error) error) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	from := func(text string) string {
		if secret {
			return ""
		}
		return text + "\t"
	}
	fmt.Fprintf(t, "FINGERPRINT\tADDRESSES\t%sALGORITHM\tEXPIRES\tSTATE\n", from("FROM"))
	err := list(func(k keyLine) error {
		expires := "never"
		switch {
		case k.Expires != nil:
			expires = k.Expires.Format(time.DateOnly)
		case k.Created == nil:
			expires = "?"
		}
		state := k.State
		if len(k.Warnings) > 0 {
			state += "; " + strings.Join(k.Warnings, "; ")
		}
		if k.Locked != nil && !*k.Locked {
			state += "; not protected by a passphrase"
		}
		_, err := fmt.Fprintf(t, "%s\t%s\t%s%s\t%s\t%s\n", k.Fingerprint, k.addresses(), from(k.from()), k.Algorithm, expires, state)
		return err
	})
	if err != nil {
		return err
	}
	return t.Flush()
}
