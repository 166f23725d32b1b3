package lab

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
)

// Container is a PGP/MIME message (RFC 3156) taken apart.
type Container struct {
	// MediaType is "multipart/encrypted" or "multipart/signed", and Encrypted tells which.
	MediaType string
	Encrypted bool
	// Signed is the signed part, header and body, octet for octet; nil if the message is encrypted.
	Signed []byte
	// OpenPGP is the encrypted message or the detached signature.
	OpenPGP []byte
}

// ErrNoContainer is the error for a message that is no PGP/MIME message.
var ErrNoContainer = errors.New("neither multipart/encrypted nor multipart/signed")

// SplitContainer takes a PGP/MIME message apart by a plain reading of RFC 2046, section 5.1, which shares no code with
// what made the message. The result has the octets of the message.
func SplitContainer(message []byte) (*Container, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	mediaType, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return nil, ErrNoContainer
	}
	switch mediaType {
	case "multipart/encrypted", "multipart/signed":
	default:
		return nil, ErrNoContainer
	}
	parts, err := splitParts(message, params["boundary"])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mediaType, err)
	}
	if len(parts) != 2 {
		return nil, fmt.Errorf("%s: %d parts instead of 2", mediaType, len(parts))
	}
	c := &Container{MediaType: mediaType, Encrypted: mediaType == "multipart/encrypted", OpenPGP: bodyOf(parts[1])}
	if !c.Encrypted {
		c.Signed = parts[0]
	}
	return c, nil
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
