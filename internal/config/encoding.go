package config

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// encodingError refuses what an editor of another system may have made of a file: TOML is UTF-8, and the parser would
// complain of characters that nobody sees.
func encodingError(file string, b []byte) error {
	const sed = `sed -i '1s/^\xEF\xBB\xBF//'`
	refuse := func(at int, text string) error {
		line := bytes.Count(b[:at], []byte("\n"))
		return &Error{File: file, Line: line + 1, Column: at - (bytes.LastIndexByte(b[:at], '\n') + 1) + 1, Text: text}
	}
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return refuse(0, fmt.Sprintf("the file begins with a byte order mark, which an editor has put there; take it out: %s %s", sed, file))
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return refuse(0, "the file is UTF-16; save it as UTF-8")
	}
	for at := 0; at < len(b); {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size == 1 {
			return refuse(at, fmt.Sprintf("the octet 0x%02x is not UTF-8; save the file as UTF-8", b[at]))
		}
		at += size
	}
	return nil
}
