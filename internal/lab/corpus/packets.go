package corpus

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

var errNoMessage = errors.New("it is no OpenPGP message")

// dearmor returns the octets of armor as the composer makes it: with CRLF, and without header lines.
func dearmor(text []byte, label string) ([]byte, error) {
	body, found := bytes.CutPrefix(text, []byte("-----BEGIN PGP "+label+"-----\r\n\r\n"))
	body, _, closed := bytes.Cut(body, []byte("\r\n-----END PGP "+label+"-----"))
	if i := bytes.LastIndex(body, []byte("\r\n=")); i >= 0 && len(body)-i == len("\r\n=XXXX") {
		body = body[:i]
	}
	octets, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
	if !found || !closed || err != nil {
		return nil, errNoMessage
	}
	return octets, nil
}

// attach makes one message of a payload and its detached signature (RFC 9580, section 10.3): the signature, and the
// payload as literal data.
func attach(payload, signature []byte) ([]byte, error) {
	message, err := dearmor(signature, "SIGNATURE")
	if err != nil {
		return nil, err
	}
	const literal, binaryData = 0xc0 | 11, 'b'
	message = append(message, literal, 0xff)
	message = binary.BigEndian.AppendUint32(message, uint32(len(payload)+6))
	message = append(message, binaryData, 0, 0, 0, 0, 0) // no file name, no date
	return append(message, payload...), nil
}

// readersOf returns the key IDs of the session key packets at the beginning of an armored message (RFC 9580, section
// 5.1). Not every program knows both of their versions.
func readersOf(message []byte) ([]string, error) {
	octets, err := dearmor(message, "MESSAGE")
	if err != nil {
		return nil, err
	}
	var ids []string
	for len(octets) > 2 && octets[0] == 0xc0|1 {
		size, rest := int(octets[1]), octets[2:]
		switch {
		case size >= 192 && size < 224:
			size, rest = (size-192)<<8+int(octets[2])+192, octets[3:]
		case size == 255 && len(octets) > 6:
			size, rest = int(octets[2])<<24|int(octets[3])<<16|int(octets[4])<<8|int(octets[5]), octets[6:]
		case size >= 224:
			return nil, errNoMessage
		}
		if size < 11 || size > len(rest) {
			return nil, errNoMessage
		}
		body := rest[:size]
		octets = rest[size:]
		switch {
		case body[0] == 3:
			ids = append(ids, fmt.Sprintf("%X", body[1:9]))
		case body[0] == 6 && body[2] == 4 && body[1] == 21 && size > 23: // the end of a fingerprint of 20 octets
			ids = append(ids, fmt.Sprintf("%X", body[15:23]))
		case body[0] == 6 && body[2] == 6 && body[1] == 33 && size > 35:
			ids = append(ids, fmt.Sprintf("%X", body[3:11]))
		default:
			return nil, fmt.Errorf("%w: its session key is of version %d", errNoMessage, body[0])
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: it has no reader", errNoMessage)
	}
	return ids, nil
}
