package event

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretSize is that of the secret in octets.
const secretSize = 32

// SecretFile returns the file in the state directory with the secret that tokens are made with.
func SecretFile(state string) string { return filepath.Join(state, "log.secret") }

// ReadSecret reads the secret. The error wraps [fs.ErrNotExist] if there is none yet.
func ReadSecret(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the secret of the log's tokens: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != secretSize {
		return nil, fmt.Errorf("the secret of the log's tokens: %s does not hold %d hexadecimal digits; delete it to have another one made",
			file, 2*secretSize)
	}
	return secret, nil
}

// EnsureSecret reads the secret, and makes one of random octets if there is none.
func EnsureSecret(file string, random io.Reader) ([]byte, error) {
	secret, err := ReadSecret(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret = make([]byte, secretSize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("make a secret for the log's tokens: %w", err)
	}
	if err := writeNew(file, hex.EncodeToString(secret)+"\n"); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep a secret for the log's tokens: %w", err)
	}
	return ReadSecret(file) // another process may have been faster
}

// writeNew makes a file, whole or not at all. The error wraps [fs.ErrExist] if it is there.
func writeNew(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".log.secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}
