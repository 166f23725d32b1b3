package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// seipd1 writes the body of a version 1 SEIPD packet (RFC 9580, section 5.13.1): a version, and then, in CFB mode with an
// initial vector of zeros, a random block with its last two octets again, what is written to it, and a SHA-1 of all that.
//
// The library does this octet by octet and takes twice as long, SHA-1 included. Every block waits for the one before,
// so that a loop over cipher.Block is as good as anything here: the standard library's CFB mode is slower by a third,
// and its CBC mode, which chains the blocks in the same way, is no faster on amd64 and would need a second pass.
type seipd1 struct {
	w     io.Writer
	block cipher.Block
	mdc   hash.Hash
	// out begins with the block that went before. If its length is not a multiple of the block size, the key stream for the
	// rest of the last block is behind its end already.
	out []byte
}

const (
	seipd1Prefix = aes.BlockSize + 2
	mdcHeader    = 2
	seipd1Buffer = 8 << 10 // octets written at once
)

// seipd1Size returns the number of octets of the body for so many octets of data.
func seipd1Size(n int64) int64 {
	const version = 1
	return version + seipd1Prefix + n + mdcHeader + sha1.Size
}

// newSEIPD1 returns a writer that has begun the body with the random block, for so many octets of data.
func newSEIPD1(w io.Writer, use packet.CipherFunction, key, random []byte, n int64) (*seipd1, error) {
	switch use {
	case packet.CipherAES128, packet.CipherAES192, packet.CipherAES256:
	default:
		return nil, fmt.Errorf("version 1 of encrypted data is made with AES only, not with cipher %d", use)
	}
	if len(key) != use.KeySize() || len(random) != aes.BlockSize {
		return nil, fmt.Errorf("cipher %d has no session key of %d octets and no prefix of %d", use, len(key), len(random))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	blocks := (min(seipd1Size(n), seipd1Buffer) + aes.BlockSize - 1) / aes.BlockSize
	s := &seipd1{w: w, block: block, mdc: sha1.New(), out: make([]byte, aes.BlockSize, (1+blocks)*aes.BlockSize)}
	if _, err := w.Write([]byte{1}); err != nil {
		return nil, err
	}
	if _, err := s.Write(random); err != nil {
		return nil, err
	}
	_, err = s.Write(random[len(random)-2:])
	return s, err
}

// Write encrypts all of p.
func (s *seipd1) Write(p []byte) (int, error) {
	s.mdc.Write(p)
	if err := s.encrypt(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close ends the body. It does not close the writer below.
func (s *seipd1) Close() error {
	if _, err := s.Write([]byte{0xc0 | 19, sha1.Size}); err != nil {
		return err
	}
	if err := s.encrypt(s.mdc.Sum(nil)); err != nil {
		return err
	}
	return s.flush()
}

func (s *seipd1) encrypt(p []byte) error {
	for len(p) > 0 {
		n := len(s.out)
		begun := n % aes.BlockSize
		if begun == 0 {
			if n == cap(s.out) {
				if err := s.flush(); err != nil {
					return err
				}
				n = len(s.out)
			}
			s.block.Encrypt(s.out[n:n+aes.BlockSize], s.out[n-aes.BlockSize:])
		}
		rest := s.out[n : n-begun+aes.BlockSize]
		done := subtle.XORBytes(rest, rest, p)
		s.out, p = s.out[:n+done], p[done:]
	}
	return nil
}

// flush writes what there is. It is for the end of a block, or of everything.
func (s *seipd1) flush() error {
	_, err := s.w.Write(s.out[aes.BlockSize:])
	s.out = s.out[:copy(s.out, s.out[len(s.out)-aes.BlockSize:])]
	return err
}
