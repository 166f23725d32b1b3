package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sealmilter/internal/lab"
)

// newRNP returns rnp with a key ring in the people's folder.
func newRNP(ctx context.Context, tree lab.Tree, p *people) (_ *program, err error) {
	home := filepath.Join(p.dir, "rnp")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	files := []string{authorKey(p.dir)}
	for i := range min(ringed, len(p.recipients)) {
		files = append(files, recipientCert(p.dir, i))
	}
	for _, file := range files {
		out, err := tree.Command(ctx, "/usr/bin/rnpkeys", "--homedir", home, "--import", file).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("rnpkeys: %w\n%s", err, out)
		}
	}
	made := &program{name: throughRNP}
	made.command = func(ctx context.Context, _ *letter, recipient int) *exec.Cmd {
		return tree.Command(ctx, "/usr/bin/rnp", "--homedir", home, "--password", "", "--sign", "--encrypt", "--armor", "-z", "0",
			"--userid", author, "--recipient", p.recipient(recipient).Fingerprint())
	}
	made.version, err = firstLine(tree.Command(ctx, "/usr/bin/rnp", "--version"))
	return made, err
}
