package interop

import (
	"context"
	"os"
	"strings"

	"sealmilter/internal/lab"
)

// bySq opens with Sequoia's sq. Only the author's certificate is given to it, so a good signature is the author's.
type bySq struct{ tree lab.Tree }

func (q bySq) about(ctx context.Context) (string, error) {
	return firstLine(ctx, q.tree, "sq", "--version")
}

func (q bySq) open(ctx context.Context, box *mailbox, dir string, c *lab.Container, s *sample) (opened, error) {
	paths, err := write(dir, map[string][]byte{"openpgp": c.OpenPGP, "signed": c.Signed, "payload": nil})
	if err != nil {
		return opened{}, err
	}
	args := []string{"verify", "--signer-cert", box.author, "--detached", paths["openpgp"], paths["signed"]}
	if c.Encrypted {
		signatures := "1"
		if !s.form.signed() {
			signatures = "0" // it tells of those that there are all the same
		}
		args = []string{"--force", "decrypt", "--recipient-key", box.key, "--signer-cert", box.author, "--signatures", signatures,
			"--output", paths["payload"], paths["openpgp"]}
	}
	screen, err := onTerminal(command(ctx, q.tree, box.env(), "/usr/bin/sq", args...), answer{"Enter password", box.passphrase + "\n"})
	if err != nil {
		return opened{}, &fault{"does not open", err.Error() + "\n" + screen}
	}
	if !c.Encrypted {
		return opened{c.Signed, strings.Contains(screen, "1 good signature")}, nil
	}
	payload, err := os.ReadFile(paths["payload"])
	return opened{payload, strings.Contains(screen, "signature")}, err
}
