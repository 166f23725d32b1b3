package presigned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"sealmilter/internal/lab"
)

// Author has an OpenPGP key and an X.509 certificate, both for alice@example.org and unknown to sealmilter.
type Author struct {
	gpg *lab.GPG
	dir string // holds key.pem and certificate.pem
}

// NewAuthor makes the keys. The caller closes it.
func NewAuthor(ctx context.Context, progress io.Writer) (*Author, error) {
	gpg, err := lab.NewGPG(ctx, progress)
	if err != nil {
		return nil, err
	}
	a := &Author{gpg: gpg}
	if err := a.makeKeys(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close removes the keys.
func (a *Author) Close() error {
	return errors.Join(a.gpg.Close(), os.RemoveAll(a.dir))
}

func (a *Author) makeKeys(ctx context.Context) (err error) {
	if a.dir, err = os.MkdirTemp("", "sealmilter-presigned-"); err != nil {
		return err
	}
	if _, err := a.gpg.Generate(ctx, "Alice <alice@example.org>", ""); err != nil {
		return err
	}
	_, err = a.openssl(ctx, nil, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", a.path("key.pem"), "-out",
		a.path("certificate.pem"), "-days", "30", "-subj", "/CN=Alice", "-addext", "subjectAltName=email:alice@example.org",
		"-addext", "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=emailProtection")
	return err
}

func (a *Author) path(name string) string { return filepath.Join(a.dir, name) }

// openssl returns what a command of openssl(1) prints.
func (a *Author) openssl(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "openssl", args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("openssl %s: %w\n%s", args[0], err, stderr.String())
	}
	return out, nil
}

// signing are the arguments of openssl smime and cms that sign as the author.
func (a *Author) signing(args ...string) []string {
	return append(args, "-sign", "-md", "sha256", "-signer", a.path("certificate.pem"), "-inkey", a.path("key.pem"))
}
