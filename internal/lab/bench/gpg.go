package bench

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"

	"sealmilter/internal/lab"
)

// newGPG returns gpg with an agent of its own that has the author's key in memory. Its key ring is the caller's to close.
func newGPG(ctx context.Context, progress io.Writer, p *people) (_ *program, ring *lab.GPG, err error) {
	ring, err = lab.NewGPG(ctx, progress)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ring.Close())
		}
	}()
	files := []string{authorKey(p.dir)}
	for i := range min(ringed, len(p.recipients)) {
		files = append(files, recipientCert(p.dir, i))
	}
	for _, file := range files {
		key, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		if err := ring.Import(ctx, key); err != nil {
			return nil, nil, err
		}
	}
	made := &program{name: throughGnuPG}
	made.command = func(ctx context.Context, _ *letter, recipient int) *exec.Cmd {
		to := p.recipient(recipient).Fingerprint()
		return ring.Command(ctx, "--sign", "--encrypt", "--armor", "-z", "0", "--local-user", author, "--recipient", to)
	}
	if made.agent, err = ring.Agent(ctx); err != nil {
		return nil, nil, err
	}
	made.version, err = firstLine(ring.Command(ctx, "--version"))
	return made, ring, err
}
