package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

func newKeysGenerate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate ADDR",
		Short: "Make the key that signs for an address",
		Long: `Make a secret key that signs for an address, and its certificate, with a revocation certificate. An address
that has a secret key already keeps it, unless --replace has the new one take its place. Nothing is refused in between. The
former key stays where keys are kept, for the answers that are encrypted to it, until it is removed by its fingerprint; its
certificate is not revoked.`,
		Args: cobra.ExactArgs(1),
	}
	name := cmd.Flags().String("name", "", "the sender's `NAME` in the User ID")
	lifetime := cmd.Flags().Duration("lifetime", 0, "`TIME` that the key is valid, such as 8760h (default: key_lifetime of the configuration)")
	algorithm := cmd.Flags().String("algorithm", "ed25519", "`KIND` of key: ed25519, rsa4096 or v6 (RFC 9580; GnuPG cannot use it)")
	replace := cmd.Flags().Bool("replace", false, "let the new key take the place of the one that signs for the address")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		addr, err := parseAddr(args[0])
		if err != nil {
			return err
		}
		options := keys.GenerateOptions{Name: *name, Lifetime: *lifetime, Replace: *replace}
		switch *algorithm {
		case "ed25519":
			options.Algorithm = crypto.Ed25519
		case "rsa4096":
			options.Algorithm = crypto.RSA4096
		case "v6":
			options.Algorithm = crypto.V6
		default:
			return usageError{fmt.Errorf("--algorithm %q is none of ed25519, rsa4096 and v6", *algorithm)}
		}
		return withInstallation(cmd, changes, func(i *installation) error {
			if options.Lifetime == 0 {
				options.Lifetime = i.Config.Senders.KeyLifetime
			}
			key, err := i.Senders.Generate(cmd.Context(), addr, options)
			if err != nil {
				return err
			}
			line := newKeyLine(key.Fingerprint, []string{key.Address}, key.Cert, key.Cert.Check(time.Now()))
			line.Locked = &key.Locked
			out := cmd.OutOrStdout()
			if *asJSON {
				return printJSON(out, line)
			}
			fmt.Fprintf(out, "%s now signs for %s.\n", key.Fingerprint, key.Address)
			if key.Former != "" {
				fmt.Fprintf(out, "It takes the place of %s, which stays until sealmilter keys remove --secret %[1]s.\n", key.Former)
			}
			if line.Expires != nil {
				fmt.Fprintf(out, "It is valid until %s.\n", line.Expires.Format(time.DateOnly))
			}
			if !key.Locked {
				fmt.Fprintln(out, "It is stored without a passphrase: set passphrase_file in [senders] of the configuration to change that.")
			}
			fmt.Fprintf(out, "Give the certificate to those who write to this address: sealmilter keys export %s\n", shell.Arguments(key.Address))
			return nil
		})
	}
	return cmd
}
