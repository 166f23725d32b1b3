package pgpmime

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
)

// maxPrefix is how many octets tell that a content is nothing of what is looked for.
const maxPrefix = 4 << 10

// The beginnings of contents that are worth decoding.
func maybeText([]byte) bool { return true }

func maybeBlank(begin []byte) bool { return isSpace(begin) }

// maybeMessage reports whether an OpenPGP message or certificate may begin so: with a packet, or with armor behind white
// space. The control part of RFC 3156 is shorter than what is asked about.
func maybeMessage(begin []byte) bool {
	text := bytes.TrimSpace(begin)
	return len(begin) < maxPrefix || begin[0]&0x80 != 0 || len(text) == 0 || bytes.HasPrefix(text, []byte("-----BEGIN"))
}

// maybeSequence reports whether a structure in BER may begin so.
func maybeSequence(begin []byte) bool { return len(begin) > 0 && begin[0] == 0x30 }

// decode returns the content of a leaf. Most of what is asked about is not encrypted, and has no need to be decoded to its
// end and held in memory a second time: what is known after its beginning is an error.
func (e *entity) decode(maybe func(begin []byte) bool) ([]byte, error) {
	switch {
	case e.encoding == quotedPrintable:
		return e.readDecoded(quotedprintable.NewReader(bytes.NewReader(e.body)), maybe)
	case e.encoding == base64Encoding:
		return e.readDecoded(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(e.body)), maybe)
	case !e.identity || e.encoding == unknownEncoding:
		return nil, e.malformed("has an unknown Content-Transfer-Encoding")
	case !maybe(e.body[:min(len(e.body), maxPrefix)]):
		return nil, errNotAlone
	}
	return e.body, nil
}

func (e *entity) readDecoded(decoder io.Reader, maybe func(begin []byte) bool) ([]byte, error) {
	begin := make([]byte, min(len(e.body), maxPrefix))
	n, err := io.ReadFull(decoder, begin)
	begin = begin[:n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // whether the decoder has missed something it says below
	}
	switch {
	case err != nil:
		return nil, err
	case !maybe(begin):
		return nil, errNotAlone
	}
	decoded := bytes.NewBuffer(make([]byte, 0, len(e.body)+bytes.MinRead))
	decoded.Write(begin)
	_, err = decoded.ReadFrom(decoder)
	return decoded.Bytes(), err
}

func isSpace(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// isVersion reports whether b is the content of the control part (RFC 3156, section 4).
func isVersion(b []byte) bool {
	name, value, found := bytes.Cut(bytes.TrimSpace(b), []byte{':'})
	return found && bytes.EqualFold(name, []byte("Version")) && string(bytes.TrimSpace(value)) == "1"
}
