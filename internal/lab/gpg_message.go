package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/mail"
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

// Open decrypts and verifies a PGP/MIME message (RFC 3156) with the real gpg. It finds the parts by its own plain
// reading of RFC 2046, section 5.1, and shares no code with what made the message. It is an error if decryption
// fails or a signature is not good; a message without OpenPGP is none. Secret keys with a passphrase are not used.
func (g *GPG) Open(ctx context.Context, message []byte) (*Opened, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	mediaType, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return &Opened{Payload: message}, nil
	}
	switch mediaType {
	case "multipart/encrypted", "multipart/signed":
	default:
		return &Opened{Payload: message}, nil
	}
	parts, err := splitParts(message, params["boundary"])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mediaType, err)
	}
	if len(parts) != 2 {
		return nil, fmt.Errorf("%s: %d parts instead of 2", mediaType, len(parts))
	}
	var opened *Opened
	if mediaType == "multipart/signed" {
		opened, err = g.verify(ctx, parts[0], bodyOf(parts[1]))
	} else {
		opened, err = g.decrypt(ctx, bodyOf(parts[1]))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mediaType, err)
	}
	return opened, nil
}

// decrypt opens one OpenPGP message, and checks the signature in it if there is one.
func (g *GPG) decrypt(ctx context.Context, message []byte) (*Opened, error) {
	payload, status, err := g.run(ctx, message, "", "--decrypt")
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

// splitParts cuts a multipart entity at its boundary lines. A part excludes the line end before the next boundary,
// which belongs to the boundary.
func splitParts(entity []byte, boundary string) ([][]byte, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	var parts [][]byte
	start := -1 // of the current part
	for at := 0; at < len(entity); {
		end := bytes.IndexByte(entity[at:], '\n')
		if end < 0 {
			end = len(entity)
		} else {
			end += at + 1
		}
		line := strings.TrimRight(string(entity[at:end]), " \t\r\n")
		last := line == "--"+boundary+"--"
		if last || line == "--"+boundary {
			if start >= 0 {
				part := bytes.TrimSuffix(entity[start:at], []byte("\n"))
				parts = append(parts, bytes.TrimSuffix(part, []byte("\r")))
			}
			if last {
				return parts, nil
			}
			start = end
		}
		at = end
	}
	return nil, errors.New("no closing boundary")
}

// bodyOf returns what follows the header of a part.
func bodyOf(part []byte) []byte {
	if body, found := bytes.CutPrefix(part, []byte("\r\n")); found {
		return body
	}
	_, body, _ := bytes.Cut(part, []byte("\r\n\r\n"))
	return body
}
