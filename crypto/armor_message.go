package crypto

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
)

// armorHeaders are the keys of RFC 9580, section 6.2.2, and RFC 4880, section 6.2.
var armorHeaders = []string{"Version", "Comment", "MessageID", "Hash", "Charset"}

const (
	maxArmorHeaders = 8
	maxArmorHeader  = 200 // octets
)

// dearmorMessage decodes one "PGP MESSAGE" block that makes up all of the text (RFC 9580, section 6). go-crypto's
// decoder passes over text around a block and behind its checksum; where the question is whether anything readable
// would leave, nothing is passed over.
func dearmorMessage(text []byte) ([]byte, error) {
	text, begun := bytes.CutPrefix(bytes.TrimSpace(text), []byte("-----BEGIN "+armorMessage+"-----"))
	text, ended := bytes.CutSuffix(text, []byte("\n-----END "+armorMessage+"-----"))
	switch {
	case !begun:
		return nil, errors.New("it is neither a binary nor an armored message")
	case !ended:
		return nil, errors.New("its armor does not end")
	}
	head, text, found := bytes.Cut(text, []byte("\n"))
	if !found || len(bytes.TrimSpace(head)) > 0 {
		return nil, errors.New("text follows the first line of its armor")
	}
	text, err := skipArmorHeaders(text)
	if err != nil {
		return nil, err
	}
	encoded := make([]byte, 0, len(text))
	checksum := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case checksum:
			return nil, errors.New("text follows the checksum of its armor")
		case line[0] == '=':
			// Its value is not to be relied on (RFC 9580, section 6.1), but it must not be anything else.
			sum, err := base64.StdEncoding.DecodeString(string(line[1:]))
			if err != nil || len(sum) != 3 {
				return nil, errors.New("the checksum of its armor is none")
			}
			checksum = true
		default:
			encoded = append(encoded, line...)
		}
	}
	data, err := base64.StdEncoding.Strict().AppendDecode(nil, encoded)
	if err != nil {
		return nil, errors.New("its armor is not in Base64")
	}
	return data, nil
}

// skipArmorHeaders returns what follows the empty line.
func skipArmorHeaders(text []byte) ([]byte, error) {
	for range maxArmorHeaders {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			break
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return rest, nil
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		if len(line) > maxArmorHeader || !slices.Contains(armorHeaders, string(name)) {
			return nil, errors.New("its armor has a header that does not belong there")
		}
		text = rest
	}
	return nil, errors.New("the headers of its armor do not end")
}
