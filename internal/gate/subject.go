package gate

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// subject is the raw value of an unstructured field, taken apart so that some of its text can be cut out and the rest
// stays as it came.
type subject struct {
	start  string // white space behind the colon
	pieces []piece
}

// piece is either text as it stands or a run of neighbouring encoded words (RFC 2047) in one charset.
type piece struct {
	gap     string // white space in front that readers drop, because encoded words are on both sides
	raw     string
	octets  []byte // that are encoded
	text    string // decoded; the octets as they are where the charset is not known
	charset string // of encoded words: what to encode the text in
	changed bool
}

func (p piece) encoded() bool { return p.charset != "" }

// encodedWord also finds those that are not set off by white space or have blanks in them: many clients read them.
var encodedWord = regexp.MustCompile(`=\?([^?\s()<>@,;:"/\[\].=]+)\?([bBqQ])\?([^?\r\n]*)\?=`)

// parseSubject never fails: what is no encoded word is text.
func parseSubject(value string) *subject {
	body := strings.TrimLeft(value, " \t\r\n")
	s := &subject{start: value[:len(value)-len(body)]}
	at, first := 0, 0 // the end of the last piece, and its beginning if it is of encoded words
	for _, m := range encodedWord.FindAllStringSubmatchIndex(body, -1) {
		word, ok := decodeWord(body[m[0]:m[1]], body[m[2]:m[3]], body[m[4]:m[5]], body[m[6]:m[7]])
		if !ok {
			continue
		}
		if s.continues(body[at:m[0]], word) {
			last := &s.pieces[len(s.pieces)-1]
			last.raw, last.octets = body[first:m[1]], append(last.octets, word.octets...)
		} else {
			s.addText(body[at:m[0]], &word)
			s.pieces = append(s.pieces, word)
			first = m[0]
		}
		at = m[1]
	}
	s.addText(body[at:], nil)
	s.decode()
	return s
}

// continues reports whether an encoded word belongs to the last piece. Words of one charset do, since a character may be
// split between them.
func (s *subject) continues(between string, word piece) bool {
	last := len(s.pieces) - 1
	return last >= 0 && s.pieces[last].charset == word.charset && isBlank(between) && known(word.charset)
}

// addText appends what is in front of the next encoded word, nil for none, unless that is nothing.
func (s *subject) addText(between string, next *piece) {
	last := len(s.pieces) - 1
	switch {
	case next != nil && last >= 0 && s.pieces[last].encoded() && isBlank(between):
		next.gap = between
	case between != "":
		s.pieces = append(s.pieces, piece{raw: between, text: between})
	}
}

func isBlank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// decodeWord returns an encoded word with the octets that are encoded in it.
func decodeWord(raw, charset, form, content string) (piece, bool) {
	charset, _, _ = strings.Cut(charset, "*") // a language (RFC 2231, section 5)
	p := piece{raw: raw, charset: strings.ToLower(charset)}
	if strings.EqualFold(form, "B") {
		content = strings.NewReplacer(" ", "", "\t", "").Replace(content)
		octets, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(content, "="))
		p.octets = octets
		return p, err == nil && charset != ""
	}
	p.octets = decodeQ(content)
	return p, charset != ""
}

// decodeQ decodes the "Q" encoding (RFC 2047, section 4.2). What is not encoded correctly stands for itself.
func decodeQ(s string) []byte {
	var b []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return b
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

const utf8Charset = "utf-8"

// known reports whether text in a charset can be read as Unicode. The replacement is for charsets that nobody should read.
func known(charset string) bool {
	if charset == utf8Charset {
		return true
	}
	e, err := htmlindex.Get(charset)
	return err == nil && e != encoding.Replacement
}

// decode turns the octets of encoded pieces into UTF-8, in which they are encoded again if need be. A piece that cannot be
// decoded without loss keeps its octets and its charset: nearly every charset has ASCII in it.
func (s *subject) decode() {
	for i := range s.pieces {
		p := &s.pieces[i]
		if !p.encoded() {
			continue
		}
		if p.text = string(p.octets); p.charset == utf8Charset || !known(p.charset) {
			continue
		}
		e, err := htmlindex.Get(p.charset)
		if err != nil {
			continue
		}
		if text, err := e.NewDecoder().String(p.text); err == nil && !strings.ContainsRune(text, utf8.RuneError) {
			p.text, p.charset = text, utf8Charset
		}
	}
}

// text is what a reader sees, but for the folding of what is not encoded.
func (s *subject) text() string {
	var b strings.Builder
	for _, p := range s.pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// cut takes the octets between two offsets out of the text.
func (s *subject) cut(from, to int) {
	offset := 0
	for i := range s.pieces {
		p := &s.pieces[i]
		start, end := max(from-offset, 0), min(to-offset, len(p.text))
		offset += len(p.text)
		if start < end {
			p.text, p.changed = p.text[:start]+p.text[end:], true
		}
	}
}

// trim takes white space off both ends.
func (s *subject) trim() {
	text := s.text()
	s.cut(len(strings.TrimRight(text, " \t\r\n")), len(text))
	text = s.text()
	s.cut(0, len(text)-len(strings.TrimLeft(text, " \t\r\n")))
}

// value writes the field again: what was not changed as it came, and the rest of an encoded piece as new encoded words.
// The value of an empty text is empty.
func (s *subject) value() string {
	s.moveSpace()
	var b strings.Builder
	b.WriteString(s.start)
	afterEncoded, changed := false, false
	for i, p := range s.pieces {
		if p.text == "" && p.changed {
			changed = true
			continue
		}
		text := p.raw
		switch {
		case p.changed && p.encoded():
			text = encodeWords(p.charset, p.text)
		case p.changed:
			text = p.text
		}
		switch set := p.gap != "" || changed || p.changed; {
		case !p.encoded() || i == 0 || b.Len() == len(s.start) || isSpace(b.String()[b.Len()-1]):
		case p.gap != "":
			b.WriteString(p.gap)
		case afterEncoded && set:
			b.WriteByte(' ')
		}
		b.WriteString(text)
		afterEncoded, changed = p.encoded(), p.changed
	}
	if b.Len() == len(s.start) {
		return ""
	}
	return b.String()
}

// moveSpace puts white space that was left between two encoded pieces into the second one: readers drop it where it is.
func (s *subject) moveSpace() {
	var left []int // pieces with text
	for i, p := range s.pieces {
		if p.text != "" {
			left = append(left, i)
		}
	}
	for n := 1; n+1 < len(left); n++ {
		p, next := &s.pieces[left[n]], &s.pieces[left[n+1]]
		if p.encoded() || !s.pieces[left[n-1]].encoded() || !next.encoded() || !isBlank(p.text) {
			continue
		}
		next.text, next.changed = " "+next.text, true
		p.text, p.changed = "", true
	}
}

// encodeWords encodes text as encoded words of at most 75 characters (RFC 2047, section 2), each on a line of its own. Text
// that is not UTF-8 is one word, since nobody knows where its characters begin.
func encodeWords(charset, text string) string {
	const most = 45 // octets in a word: 60 characters of base64
	var words []string
	for charset == utf8Charset && len(text) > most {
		n := most
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		if n == 0 {
			n = most
		}
		words = append(words, encodeOne(charset, text[:n]))
		text = text[n:]
	}
	return strings.Join(append(words, encodeOne(charset, text)), "\r\n ")
}

func encodeOne(charset, text string) string {
	return "=?" + charset + "?B?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}
