package interop

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// byRNP opens with rnp.
type byRNP struct{ tree lab.Tree }

func (r byRNP) about(ctx context.Context) (string, error) {
	return firstLine(ctx, r.tree, "rnp", "--version")
}

func (r byRNP) open(ctx context.Context, box *mailbox, dir string, c *lab.Container, _ *sample) (opened, error) {
	paths, err := write(dir, map[string][]byte{"openpgp": c.OpenPGP, "signed": c.Signed})
	if err != nil {
		return opened{}, err
	}
	for _, keys := range []string{box.author, box.key} {
		if _, beside, err := output(command(ctx, r.tree, box.env(), "/usr/bin/rnpkeys", "--homedir", dir, "--import", keys)); err != nil {
			return opened{}, &fault{"does not take the key", beside}
		}
	}
	result := filepath.Join(dir, "payload")
	args := []string{"--homedir", dir, "--password", box.passphrase}
	if c.Encrypted {
		args = append(args, "--decrypt", paths["openpgp"], "--output", result)
	} else {
		args = append(args, "--verify", paths["openpgp"], "--source", paths["signed"])
	}
	out, beside, err := output(command(ctx, r.tree, box.env(), "/usr/bin/rnp", args...))
	said := string(out) + beside
	isSigned := strings.Contains(said, "ignature made")
	switch {
	case err != nil:
		return opened{}, &fault{"does not open", said}
	case isSigned && (!strings.Contains(said, "Good signature") || !box.namesAuthor(strings.ToUpper(said))):
		return opened{}, &fault{"signature not good", said}
	case !c.Encrypted:
		return opened{c.Signed, isSigned}, nil
	}
	payload, err := os.ReadFile(result)
	return opened{payload, isSigned}, err
}
