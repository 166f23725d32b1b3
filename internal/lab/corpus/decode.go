package corpus

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
)

// decoding is how the body of an entity is read.
type decoding uint8

const (
	identity decoding = iota
	quotedPrintable
	inBase64
	foreignEncoding // of the time before MIME, such as uuencode: read as it stands
)

// decoding reads the label as clients do, which take no notice of what follows the name and nothing for encoded by a
// name that they do not know.
func (e *entity) decoding() decoding {
	words := strings.FieldsFunc(strings.ToLower(e.get("Content-Transfer-Encoding")), func(r rune) bool {
		return strings.ContainsRune(" \t;(\"", r)
	})
	if len(words) == 0 {
		return identity
	}
	switch words[0] {
	case "quoted-printable":
		return quotedPrintable
	case "base64":
		return inBase64
	case "uuencode", "x-uuencode", "uue", "x-uue", "yenc", "x-yencode", "binhex", "x-binhex", "mac-binhex40", "binhex40":
		return foreignEncoding
	}
	return identity
}

// content returns the decoded body.
func (e *entity) content() []byte {
	raw := e.text[e.body:e.end]
	switch e.decoding() {
	case quotedPrintable:
		return decodeQuoted(raw)
	case inBase64:
		return decodeBase64(raw)
	default:
		return raw
	}
}

// decodeQuoted decodes quoted-printable (RFC 2045, section 6.7). What is no escape stays as it is.
func decodeQuoted(raw []byte) []byte {
	var out bytes.Buffer
	for len(raw) > 0 {
		line, end := raw, []byte(nil)
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, end = raw[:i], []byte("\n")
			if bytes.HasSuffix(line, []byte("\r")) {
				line, end = line[:i-1], []byte("\r\n")
			}
			raw = raw[i+1:]
		} else {
			raw = nil
		}
		line = bytes.TrimRight(line, " \t")
		if bytes.HasSuffix(line, []byte("=")) {
			line, end = line[:len(line)-1], nil
		}
		for i := 0; i < len(line); i++ {
			if line[i] == '=' && i+2 < len(line) {
				if n, err := strconv.ParseUint(string(line[i+1:i+3]), 16, 8); err == nil {
					out.WriteByte(byte(n))
					i += 2
					continue
				}
			}
			out.WriteByte(line[i])
		}
		out.Write(end)
	}
	return out.Bytes()
}

// decodeBase64 decodes quartet by quartet. Characters that are none of base64 are skipped (RFC 2045, section 6.8), and
// padding ends nothing but its quartet.
func decodeBase64(raw []byte) []byte {
	var out, quartet []byte
	flush := func() {
		var octets [3]byte
		n, _ := base64.RawStdEncoding.Decode(octets[:], quartet)
		out = append(out, octets[:n]...)
		quartet = quartet[:0]
	}
	for _, c := range raw {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			if quartet = append(quartet, c); len(quartet) == 4 {
				flush()
			}
		case c == '=':
			flush()
		}
	}
	flush()
	return out
}
