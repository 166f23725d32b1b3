package gate

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"sealmilter/internal/mail"
)

// PassKeys keeps the key of the installation for passes. [sealmilter/internal/store.Store] does.
type PassKeys interface {
	// PassKey returns the key; candidate becomes it if there is none yet.
	PassKey(ctx context.Context, candidate []byte) ([]byte, error)
}

// pass is what the front listener of a split knows of a message and the inner one must know, with the message itself.
// On its way it is encrypted and authenticated as a whole: nobody can make one, change one or read one, and the MTA's
// queue between the two listeners has no clear text that a bounce could quote.
type pass struct {
	Origin     Origin
	Login      string
	Local      bool
	User       string
	Client     netip.Addr
	ClientPort uint16
	// Sender is MAIL FROM as it was checked, "" for the null sender. The MTA may rewrite the one it goes on with.
	Sender string
	// Promised are the recipients whose key was found, by [mail.Addr.Key].
	Promised []string
	// Sealed is [Plan.sealedElsewhere].
	Sealed  bool
	QueueID string
	At      time.Time
	// Header lacks the fields of [leftOutside] that tell the way.
	Header mail.Header

	// Body is not encoded with the rest, which would copy it.
	body []byte
}

const (
	passKeySize = 32
	passSalt    = 32
	// passPurpose also names the format: another one needs another name.
	passPurpose = "sealmilter pass 1"
	// passLine is the number of octets in a line of base64, which makes 76 characters (RFC 2045, section 6.8).
	passLine = 57
)

var errNoPass = errors.New("it is no pass of this installation")

// closePass returns the pass in the form in which it is the body of a message.
func closePass(key []byte, random io.Reader, p *pass, body []byte) (io.WriterTo, error) {
	var facts bytes.Buffer
	facts.Write(make([]byte, 4))
	if err := gob.NewEncoder(&facts).Encode(p); err != nil {
		return nil, fmt.Errorf("encode a pass: %w", err)
	}
	binary.BigEndian.PutUint32(facts.Bytes(), uint32(facts.Len()-4))
	sealed := make([]byte, passSalt, passSalt+facts.Len()+len(body)+16)
	if _, err := io.ReadFull(random, sealed); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	aead, err := passCipher(key, sealed)
	if err != nil {
		return nil, err
	}
	text := append(append(sealed[passSalt:], facts.Bytes()...), body...)
	return passBody(sealed[:passSalt+len(aead.Seal(text[:0], make([]byte, aead.NonceSize()), text, []byte(passPurpose)))]), nil
}

// openPass returns the pass in the body of a message.
func openPass(key, armored []byte) (*pass, error) {
	sealed := make([]byte, base64.StdEncoding.DecodedLen(len(armored)))
	n, err := base64.StdEncoding.Decode(sealed, armored)
	if err != nil || n < passSalt {
		return nil, errNoPass
	}
	aead, err := passCipher(key, sealed[:passSalt])
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(sealed[passSalt:passSalt], make([]byte, aead.NonceSize()), sealed[passSalt:n], []byte(passPurpose))
	if err != nil {
		return nil, errNoPass
	}
	if len(text) < 4 || int(binary.BigEndian.Uint32(text)) > len(text)-4 {
		return nil, errNoPass
	}
	facts, body := text[4:4+binary.BigEndian.Uint32(text)], text[4+binary.BigEndian.Uint32(text):]
	p := &pass{body: body}
	if err := gob.NewDecoder(bytes.NewReader(facts)).Decode(p); err != nil {
		return nil, fmt.Errorf("decode a pass: %w", err)
	}
	return p, nil
}

// passCipher derives a key for one pass alone (RFC 5869), so that its nonce may be zero: with one key for all, nonces
// made at random would meet after some milliards of messages.
func passCipher(key, salt []byte) (cipher.AEAD, error) {
	if len(key) != passKeySize {
		return nil, fmt.Errorf("the key for passes has %d octets, not %d; the database is damaged", len(key), passKeySize)
	}
	own, err := hkdf.Key(sha256.New, key, salt, passPurpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of a pass: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("derive the key of a pass: %w", err)
	}
	return cipher.NewGCM(block)
}

// passBody is written in lines of base64.
type passBody []byte

func (b passBody) WriteTo(w io.Writer) (int64, error) {
	var written int64
	const many = 64 // lines at a time
	text := make([]byte, 0, many*78)
	for lines := range slices.Chunk(b, many*passLine) {
		text = text[:0]
		for line := range slices.Chunk(lines, passLine) {
			text = append(base64.StdEncoding.AppendEncode(text, line), "\r\n"...)
		}
		n, err := w.Write(text)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// passKey returns the key of the installation.
func (g *Gate) passKey(ctx context.Context) ([]byte, error) {
	candidate := make([]byte, passKeySize)
	if _, err := io.ReadFull(g.Rand, candidate); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	key, err := g.Passes.PassKey(ctx, candidate)
	if err != nil {
		return nil, fmt.Errorf("key for passes: %w", err)
	}
	return key, nil
}
