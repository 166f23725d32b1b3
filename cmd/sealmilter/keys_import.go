package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

func newKeysImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE...|-|--gnupg HOME",
		Short: "Import certificates, secret keys and revocations, armored or binary",
		Long: `Import certificates and secret keys from files, "-" for standard input. A file may hold any number of
armored blocks or a binary keyring, such as the output of

  gpg --export              for certificates,
  gpg --export-secret-keys  for the keys of senders.

A secret key becomes the signing key of the addresses in its User IDs; one that was such a key before, and has been replaced
here, does so with --for only. If it is locked with a passphrase, the
passphrase is taken from --passphrase-file, or asked for on the terminal; it is stored under the passphrase of the
configuration, if there is one.

A revocation certificate, as "keys export --revocation" and GnuPG make them, withdraws the key that it names for good.
Remove the colon before its first dashes first.

With --gnupg, all certificates and secret keys of a home of GnuPG are imported; gpg itself reads them.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("gnupg") {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		Annotations: map[string]string{beginsAnew: "secret keys"},
	}
	gnupg := cmd.Flags().String("gnupg", "", "import everything in the `HOME` of GnuPG, such as ~/.gnupg")
	passphraseFile := cmd.Flags().String("passphrase-file", "", "`FILE` with the passphrase of the imported secret keys")
	assign := cmd.Flags().StringArray("for", nil, "use the keys for this `ADDR`, too, whatever their User IDs say (repeatable)")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		var options keys.ImportOptions
		for _, text := range *assign {
			addr, err := mail.ParseAddr(text)
			if err != nil {
				return usageError{fmt.Errorf("--for: %w", err)}
			}
			options.For = append(options.For, addr)
		}
		if *passphraseFile != "" {
			var err error
			if options.Passphrase, err = keys.ReadPassphrase(*passphraseFile, ""); err != nil {
				return err
			}
		}
		return withInstallation(cmd, changes, func(i *installation) error {
			run := importRun{senders: i.Senders, cmd: cmd, options: options, asJSON: *asJSON}
			if cmd.Flags().Changed("gnupg") {
				return run.home(*gnupg)
			}
			return run.files(files)
		})
	}
	return cmd
}

// importRun is one execution of "keys import".
type importRun struct {
	senders *keys.Senders
	cmd     *cobra.Command
	options keys.ImportOptions
	asJSON  bool

	counts      [keys.Unchanged + 1]int
	unprotected bool
	progress    *progressbar.ProgressBar // nil unless a person watches
	err         error                    // of printing
}

func (r *importRun) files(names []string) error {
	for _, name := range names {
		if err := r.file(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.sum()
}

// home imports a home of GnuPG.
func (r *importRun) home(dir string) error {
	in, err := keys.GnuPG(r.cmd.Context(), dir, keys.GnuPGOptions{Passphrase: r.options.Passphrase})
	if err != nil {
		return err
	}
	err = r.stream(in, "from GnuPG", -1)
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	return r.sum()
}

// sum says what became of all keys.
func (r *importRun) sum() error {
	stderr := r.cmd.ErrOrStderr()
	if !r.asJSON {
		fmt.Fprintf(stderr, "%d added, %d updated, %d unchanged, %d refused\n", r.counts[keys.Added], r.counts[keys.Updated],
			r.counts[keys.Unchanged], r.counts[keys.Refused])
	}
	if r.unprotected {
		fmt.Fprintln(stderr, "Secret keys are stored without a passphrase, readable by the user that runs sealmilter and by root."+
			"\nTo lock them, set passphrase_file in [senders] of the configuration and import them again.")
	}
	if n := r.counts[keys.Refused]; n > 0 {
		return fmt.Errorf("%d of the keys could not be imported", n)
	}
	return nil
}

func (r *importRun) file(name string) error {
	in := io.NopCloser(r.cmd.InOrStdin())
	size := int64(-1)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		in = f
	}
	defer in.Close()

	var source io.Reader = in
	if err := r.askPassphrase(&source); err != nil {
		return err
	}
	return r.stream(source, name, size)
}

// stream imports what a reader gives, with its name and size for people; -1 if the size is not known.
func (r *importRun) stream(source io.Reader, name string, size int64) error {
	if stderr, ok := r.cmd.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(stderr.Fd())) {
		r.progress = progressbar.NewOptions64(size, progressbar.OptionSetWriter(stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("importing "+name), progressbar.OptionClearOnFinish())
		reader := progressbar.NewReader(source, r.progress)
		source = &reader
	}
	err := r.senders.Import(r.cmd.Context(), source, r.options, r.report)
	if r.progress != nil {
		r.progress.Finish()
		r.progress = nil
	}
	if err == nil {
		err = r.err
	}
	return err
}

// askPassphrase asks on the terminal for a passphrase if the input seems to hold a secret key and none was given. An
// empty answer means that the keys are not locked.
func (r *importRun) askPassphrase(source *io.Reader) error {
	stdin, ok := r.cmd.InOrStdin().(*os.File)
	if r.options.Passphrase != nil || !ok || !term.IsTerminal(int(stdin.Fd())) {
		return nil
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(*source, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return err
	}
	head = head[:n]
	*source = io.MultiReader(bytes.NewReader(head), *source)
	if !holdsSecretKey(head) {
		return nil
	}
	fmt.Fprint(r.cmd.ErrOrStderr(), "Passphrase of the secret keys (empty if they have none): ")
	passphrase, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(r.cmd.ErrOrStderr())
	if len(passphrase) > 0 {
		r.options.Passphrase = passphrase
	}
	return err
}

// holdsSecretKey reports whether a keyring that begins with head begins with a secret key: by its armor, or by the
// type of its first packet (RFC 9580, section 4.2).
func holdsSecretKey(head []byte) bool {
	if bytes.Contains(head, []byte("BEGIN PGP PRIVATE KEY BLOCK")) {
		return true
	}
	const secretKey = 5
	return len(head) > 0 && (head[0]&0xc0 == 0x80 && head[0]>>2&0x0f == secretKey || head[0] == 0xc0|secretKey)
}

// importedLine is one line of --json.
type importedLine struct {
	Fingerprint string   `json:"fingerprint,omitempty"`
	UserIDs     []string `json:"user_ids,omitempty"`
	Secret      bool     `json:"secret"`
	Outcome     string   `json:"outcome"`
	Error       string   `json:"error,omitempty"`
	Notes       []string `json:"notes,omitempty"`
}

func (r *importRun) report(k keys.Imported) {
	r.counts[k.Outcome]++
	r.unprotected = r.unprotected || k.Unprotected
	if r.progress != nil {
		r.progress.Clear()
	}
	var err error
	if r.asJSON {
		line := importedLine{Fingerprint: k.Fingerprint, UserIDs: k.UserIDs, Secret: k.Secret, Outcome: k.Outcome.String(), Notes: k.Notes}
		if k.Err != nil {
			line.Error = k.Err.Error()
		}
		err = printJSON(r.cmd.OutOrStdout(), line)
	} else {
		err = r.print(k)
	}
	if r.err == nil {
		r.err = err
	}
}

func (r *importRun) print(k keys.Imported) error {
	kind := "certificate"
	if k.Secret {
		kind = "secret key"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %s %s %s\n", k.Outcome, kind, k.Fingerprint, strings.Join(k.UserIDs, ", "))
	if k.Err != nil {
		fmt.Fprintf(&b, "          %v\n", k.Err)
	}
	for _, note := range k.Notes {
		fmt.Fprintf(&b, "          note: %s\n", note)
	}
	_, err := io.WriteString(r.cmd.OutOrStdout(), b.String())
	return err
}
