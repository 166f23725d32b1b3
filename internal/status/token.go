package status

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"os"
)

const (
	minToken = 20  // octets; what base64 makes of 24 random octets has 32
	maxToken = 512 // octets
)

// ReadToken reads the token that opens the page from a file: everything but white space at its ends. A file that others
// may read, or whose group may write it, is refused, and so is a token that could be guessed for its shortness.
func ReadToken(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the status page's token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the status page's token: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, fmt.Errorf("read the status page's token: others may read or write %s (mode %04o); chmod 0640 %[1]s", file, mode)
	}
	token, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return nil, fmt.Errorf("read the status page's token: %w", err)
	}
	token = bytes.TrimSpace(token)
	if len(token) < minToken || len(token) > maxToken {
		return nil, fmt.Errorf("read the status page's token: %s has to hold one of %d to %d octets; make one with: head -c 24 /dev/urandom | base64",
			file, minToken, maxToken)
	}
	return token, nil
}

// digest is what stands for a token in a session.
type digest [sha256.Size]byte

// token returns the digest of the token that is in force; the zero digest if none is needed.
func (p *Page) token() (digest, error) {
	if p.TokenFile == "" {
		return digest{}, nil
	}
	token, err := ReadToken(p.TokenFile)
	return sha256.Sum256(token), err
}

// same compares two secrets in a time that says nothing of them, not even how long they are.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
