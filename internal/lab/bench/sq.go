package bench

import (
	"context"
	"os/exec"

	"sealmilter/internal/lab"
)

// newSq returns Sequoia's sq.
func newSq(ctx context.Context, tree lab.Tree, p *people) (_ *program, err error) {
	made := &program{name: throughSq}
	made.command = func(ctx context.Context, _ *letter, recipient int) *exec.Cmd {
		return tree.Command(ctx, "/usr/bin/sq", "encrypt", "--compression", "none", "--signer-key", authorKey(p.dir),
			"--recipient-cert", recipientCert(p.dir, recipient%len(p.recipients)))
	}
	made.version, err = firstLine(tree.Command(ctx, "/usr/bin/sq", "--version"))
	return made, err
}
