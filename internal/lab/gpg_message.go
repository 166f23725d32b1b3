package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Opened is what a recipient's mail client finds in a message.
type Opened struct {
	// Encrypted and Signed tell what the message was. A message may be neither.
	Encrypted, Signed bool
	// Payload is the inner MIME entity, header and body, octet for octet as it was signed or encrypted. It is the
	// whole message if that is neither.
	Payload []byte
	// Signer is the fingerprint of the primary key whose signature is good, "" if there is no good signature.
	Signer string
	// Recipients are the key IDs of the session key packets, 16 hexadecimal digits each, in order.
	Recipients []string
	// Status holds gpg's status lines without their prefix.
	Status []string
}

// Open decrypts and verifies a PGP/MIME message (RFC 3156) with the real gpg. It finds the parts as [SplitContainer]
// does. It is an error if decryption fails or a signature is not good; a message without OpenPGP is none. Secret keys
// with a passphrase are not used.
func (g *GPG) Open(ctx context.Context, message []byte) (*Opened, error) {
	return g.OpenLocked(ctx, message, "")
}

// OpenLocked does the same with secret keys that have a passphrase.
func (g *GPG) OpenLocked(ctx context.Context, message []byte, passphrase string) (*Opened, error) {
	container, err := SplitContainer(message)
	switch {
	case errors.Is(err, ErrNoContainer):
		return &Opened{Payload: message}, nil
	case err != nil:
		return nil, err
	}
	var opened *Opened
	if container.Encrypted {
		opened, err = g.decrypt(ctx, container.OpenPGP, passphrase)
	} else {
		opened, err = g.verify(ctx, container.Signed, container.OpenPGP)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", container.MediaType, err)
	}
	return opened, nil
}

// decrypt opens one OpenPGP message, and checks the signature in it if there is one.
func (g *GPG) decrypt(ctx context.Context, message []byte, passphrase string) (*Opened, error) {
	payload, status, err := g.run(ctx, message, passphrase, "--decrypt")
	if err != nil {
		return nil, err
	}
	opened := &Opened{Encrypted: true, Payload: payload, Status: status}
	if !opened.has("DECRYPTION_OKAY") {
		return nil, fmt.Errorf("gpg does not say that decryption succeeded: %q", status)
	}
	return opened, opened.readStatus()
}

// verify checks a detached signature.
func (g *GPG) verify(ctx context.Context, signed, signature []byte) (*Opened, error) {
	dir, err := os.MkdirTemp(g.home, "verify-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "signature")
	if err := os.WriteFile(file, signature, 0o600); err != nil {
		return nil, err
	}
	_, status, err := g.run(ctx, signed, "", "--verify", file, "-")
	if err != nil {
		return nil, err
	}
	opened := &Opened{Payload: signed, Status: status}
	if err := opened.readStatus(); err != nil {
		return nil, err
	}
	if !opened.Signed {
		return nil, fmt.Errorf("gpg saw no signature: %q", status)
	}
	return opened, nil
}

func (o *Opened) has(keyword string) bool {
	for _, line := range o.Status {
		if word, _, _ := strings.Cut(line, " "); word == keyword {
			return true
		}
	}
	return false
}

// readStatus fills in what the status lines say. A signature counts as good only with GOODSIG and VALIDSIG both:
// an expired or revoked key gives another word than GOODSIG.
func (o *Opened) readStatus() error {
	var signer string
	for _, line := range o.Status {
		fields := strings.Fields(line)
		switch fields[0] {
		case "ENC_TO":
			o.Recipients = append(o.Recipients, fields[1])
		case "NEWSIG":
			o.Signed = true
		case "VALIDSIG":
			signer = fields[len(fields)-1] // the primary key; fields[1] may be a subkey
		}
	}
	if !o.Signed {
		return nil
	}
	if !o.has("GOODSIG") || signer == "" {
		return fmt.Errorf("the signature is not good: %q", o.Status)
	}
	o.Signer = signer
	return nil
}
