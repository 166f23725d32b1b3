package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newKeysPublish() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publish FOLDER",
		Short: "Write the senders' certificates for a web server and for DNS",
		Long: `Write a Web Key Directory with the senders' certificates, which a web server can serve as it is, by the advanced
and the direct method; beside it the records for DANE, as a zone file, and a README that says what to do with both.
Running it again brings the folder up to date.`,
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withInstallation(cmd, changes, func(i *installation) error {
			done, err := i.Senders.Publish(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, address := range done.Addresses {
				if err := printPublished(cmd, *asJSON, publishedLine{Address: address, Published: true}); err != nil {
					return err
				}
			}
			for _, u := range done.Unpublished {
				if err := printPublished(cmd, *asJSON, publishedLine{Address: u.Address, Why: u.Err.Error()}); err != nil {
					return err
				}
			}
			for _, file := range done.Foreign {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s is somebody else's and was left alone\n", file)
			}
			if *asJSON {
				return nil
			}
			_, err = fmt.Fprintf(out, "%d files written, %d removed; %s/README.txt says how to serve them.\n",
				len(done.Written), len(done.Removed), args[0])
			return err
		})
	}
	return cmd
}

// publishedLine is one line of --json.
type publishedLine struct {
	Address   string `json:"address"`
	Published bool   `json:"published"`
	Why       string `json:"why,omitempty"`
}

func printPublished(cmd *cobra.Command, asJSON bool, line publishedLine) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), line)
	}
	text := "published"
	if !line.Published {
		text = "not published: " + line.Why
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", line.Address, text)
	return err
}
