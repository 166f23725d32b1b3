package crypto

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
)

// armorHeaders are the keys of RFC 9580, section 6.2.2, and RFC 4880, section 6.2.
var armorHeaders = []string{"Version", "Comment", "MessageID", "Hash", "Charset"}

const (
	maxArmorHeaders = 8
	maxArmorHeader  = 200 // octets
)

// dearmorWhole returns a reader of the contents of one block with that label that makes up all of the text (RFC 9580,
// section 6). go-crypto's decoder passes over text around a block and behind its checksum; where the question is
// whether anything readable would leave, nothing is passed over. The contents of a large message are not in memory
// beside the text.
func dearmorWhole(text []byte, label string) (io.Reader, error) {
	text, begun := bytes.CutPrefix(bytes.TrimSpace(text), []byte("-----BEGIN "+label+"-----"))
	text, ended := bytes.CutSuffix(text, []byte("\n-----END "+label+"-----"))
	switch {
	case !begun:
		return nil, fmt.Errorf("it is neither binary nor an armored %s", label)
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
	encoded, checksum := text, false
	for rest := text; len(rest) > 0; {
		at := len(text) - len(rest)
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
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
			encoded, checksum = text[:at], true
		}
	}
	return &armoredData{text: encoded}, nil
}

var errNotBase64 = errors.New("its armor is not in Base64")

// armoredData decodes lines of Base64 between which white space may stand. The decoder of the standard library would take
// what follows the padding for more of the same.
type armoredData struct {
	text    []byte // not read yet
	line    []byte // not decoded yet
	begun   []byte // characters of a group of four
	decoded []byte
	padded  bool // nothing may follow
}

// Read returns io.EOF only behind a whole group.
func (d *armoredData) Read(p []byte) (int, error) {
	for len(d.decoded) == 0 {
		switch {
		case len(d.line) > 0:
			if err := d.decode(); err != nil {
				return 0, err
			}
		case len(d.text) > 0:
			d.line, d.text, _ = bytes.Cut(d.text, []byte("\n"))
			d.line = bytes.TrimSpace(d.line)
		case len(d.begun) > 0:
			return 0, errNotBase64
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, d.decoded)
	d.decoded = d.decoded[n:]
	return n, nil
}

// decode decodes a line, or the next part of a very long one.
func (d *armoredData) decode() error {
	const longest = 4 << 10
	n := min(len(d.line), longest)
	for _, c := range d.line[:n] {
		if c != '\r' {
			d.begun = append(d.begun, c)
		}
	}
	d.line = d.line[n:]
	whole := len(d.begun) - len(d.begun)%4
	if d.padded && len(d.begun) > 0 {
		return errNotBase64
	}
	var err error
	if d.decoded, err = base64.StdEncoding.Strict().AppendDecode(d.decoded[:0], d.begun[:whole]); err != nil {
		return errNotBase64
	}
	d.padded = d.padded || whole > 0 && d.begun[whole-1] == '='
	d.begun = append(d.begun[:0], d.begun[whole:]...)
	return nil
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
