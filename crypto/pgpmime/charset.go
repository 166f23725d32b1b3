package pgpmime

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"sealmilter/internal/mail"
)

// decodedText returns a field's value without encoded words and in one line: a line end in an encoded word must not end the
// line (RFC 9788, section 10.3). Of what is in an unknown charset only the US-ASCII is told.
func decodedText(f mail.Field) string {
	decoder := mime.WordDecoder{CharsetReader: func(charset string, input io.Reader) (io.Reader, error) {
		if known, ok := encodingOf(charset); ok {
			return known.NewDecoder().Reader(input), nil
		}
		octets, err := io.ReadAll(input)
		for i, c := range octets {
			if c >= 0x80 {
				octets[i] = '?'
			}
		}
		return bytes.NewReader(octets), err
	}}
	text, err := decoder.DecodeHeader(f.Text())
	if err != nil {
		text = f.Text()
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}

// inCharset returns text as octets of the leaf, which becomes one in UTF-8 if it was one in US-ASCII. It reports false
// if the leaf's charset has no octets for the text.
func (e *entity) inCharset(text string) ([]byte, bool) {
	charset := strings.ToLower(e.media.get("charset"))
	switch charset {
	case "utf-8", "utf8":
		return []byte(text), true
	case "", "us-ascii", "ascii":
		if is7bit(text) {
			return []byte(text), true
		}
		if !e.isASCII() {
			return nil, false
		}
		e.media.parameters = e.media.parameters.without("charset")
		e.media.parameters.list = append(e.media.parameters.list, parameter{name: "charset", value: "utf-8", raw: ` charset="utf-8"`})
		return []byte(text), true
	}
	known, ok := encodingOf(charset)
	if !ok || !sameInASCII(known) {
		return nil, false
	}
	octets, err := known.NewEncoder().Bytes([]byte(text))
	return octets, err == nil
}

// isASCII reports whether the content is known to be all US-ASCII, without decoding base64.
func (e *entity) isASCII() bool {
	if !e.identity && e.encoding != quotedPrintable || e.bodyFaults&eightBit != 0 {
		return false
	}
	for rest := e.body; e.encoding == quotedPrintable; {
		i := bytes.IndexByte(rest, '=')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; len(rest) > 1 && isHex(rest[0]) && isHex(rest[1]) && unhex(rest[0]) >= 8 {
			return false
		}
	}
	return true
}

// allASCII are the characters that a text in US-ASCII may have.
const allASCII = "\t\r\n !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// isASCIICompatible reports whether US-ASCII is the same octets in a charset, at the beginning of a text at least.
func isASCIICompatible(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "us-ascii", "ascii", "utf-8", "utf8":
		return true
	}
	known, ok := encodingOf(charset)
	return ok && sameInASCII(known)
}

// encodingOf returns a charset by its registered name, else by one that browsers know, who take gb2312 for GBK as everybody
// does.
func encodingOf(charset string) (encoding.Encoding, bool) {
	if known, err := ianaindex.MIME.Encoding(charset); err == nil && known != nil {
		return known, true
	}
	known, err := htmlindex.Get(charset)
	return known, err == nil
}

// sameInASCII tries all characters.
func sameInASCII(e encoding.Encoding) bool {
	encoded, err1 := e.NewEncoder().String(allASCII)
	decoded, err2 := e.NewDecoder().String(allASCII)
	return err1 == nil && err2 == nil && encoded == allASCII && decoded == allASCII
}

// inReferences replaces what is not US-ASCII by numeric character references of HTML.
func inReferences(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}
