package interop

import (
	"context"

	"sealmilter/internal/lab"
)

// byGPG opens with the machine's gpg.
type byGPG struct{}

func (byGPG) about(ctx context.Context) (string, error) {
	return firstLine(ctx, lab.Tree{}, "gpg", "--version")
}

func (byGPG) open(ctx context.Context, box *mailbox, _ string, _ *lab.Container, s *sample) (opened, error) {
	got, err := box.gpg.OpenLocked(ctx, s.raw, box.passphrase)
	switch {
	case err != nil:
		return opened{}, &fault{"does not open", err.Error()}
	case got.Signed && got.Signer != s.signer:
		return opened{}, &fault{"signed by somebody else", got.Signer}
	}
	return opened{got.Payload, got.Signed}, nil
}
