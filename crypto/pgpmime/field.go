package pgpmime

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// canonicalField returns a field in the canonical form: 7-bit, lines of at most 998 octets, none of them only white
// space or ending in it. A field that is in this form comes back as it was. Raw UTF-8 becomes encoded words (RFC 2047)
// or extended parameters (RFC 2231), save in addresses. The error is a clause that says what is wrong with the header.
func canonicalField(f mail.Field) (mail.Field, error) {
	for i := range len(f.Name) {
		if f.Name[i] <= ' ' || f.Name[i] >= 0x7f {
			return f, errors.New("has a header field whose name is not printable US-ASCII")
		}
	}
	if isCanonicalLine(f) {
		return f, nil
	}
	lines := cleanLines(f.Value)
	value, unfolded := strings.Join(lines, "\r\n"), strings.Join(lines, "")
	if mustEncode(unfolded) {
		encoded, err := encodeValue(f.Name, unfolded)
		if err != nil {
			return f, fmt.Errorf("has a %s that %w", called(f.Name), err)
		}
		value = fold(f.Name, encoded)
	} else if longestLine(f.Name, value) > maxLine {
		value = fold(f.Name, unfolded)
	}
	if longestLine(f.Name, value) > maxLine {
		return f, fmt.Errorf("has a %s that cannot be folded into lines of %d octets", called(f.Name), maxLine)
	}
	return mail.Field{Name: f.Name, Value: value}, nil
}

// called names a field for an error, unless its name is none that fields have: where a part lacks its header, the text of
// the message stands in that place.
func called(name string) string {
	switch prefix, _, long := strings.Cut(strings.ToLower(name), "-"); {
	case long && slices.Contains([]string{"content", "x", "list", "resent", "in", "message", "mime", "reply"}, prefix),
		slices.Contains([]string{"from", "sender", "to", "cc", "subject", "date", "references", "comments", "keywords"}, prefix):
		return fmt.Sprintf("header field %q", name)
	default:
		return "header field"
	}
}

// cleanLines cuts a raw value into its lines, without blanks at their ends and without empty continuations. A bare CR in
// one becomes a space, as Postfix has it, and a NUL goes.
func cleanLines(value string) []string {
	lines := strings.Split(value, "\n")
	kept := lines[:0]
	for i, line := range lines {
		if i < len(lines)-1 {
			line = strings.TrimSuffix(line, "\r")
		}
		if strings.ContainsAny(line, "\r\x00") {
			line = strings.ReplaceAll(strings.ReplaceAll(line, "\r", " "), "\x00", "")
		}
		line = strings.TrimRight(line, " \t")
		switch {
		case i > 0 && line == "":
			continue
		case i > 0 && !isBlank(line[0]):
			line = " " + line
		}
		kept = append(kept, line)
	}
	return kept
}

func longestLine(name, value string) int {
	longest := 0
	for line := range strings.SplitSeq(name+":"+value, "\r\n") {
		longest = max(longest, len(line))
	}
	return longest
}

// isCanonicalLine reports whether the field is one line that needs nothing: the common case.
func isCanonicalLine(f mail.Field) bool {
	if len(f.Name)+1+len(f.Value) > maxWord || f.Value != "" && isBlank(f.Value[len(f.Value)-1]) {
		return false
	}
	for i := range len(f.Value) {
		if c := f.Value[i]; c >= 0x80 || c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}

// maxWord is the longest word of a field that is left alone. A longer one might not fit on a line.
const maxWord = 900

// mustEncode reports whether a part of a field cannot stay as it is.
func mustEncode(s string) bool {
	if !is7bit(s) {
		return true
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == '\t' }) {
		if len(word) > maxWord {
			return true
		}
	}
	return false
}

// encodeValue encodes an unfolded value by the grammar of its field.
func encodeValue(name, value string) (string, error) {
	switch name = strings.ToLower(name); name {
	case "content-type", "content-disposition":
		return encodeParameters(value)
	case "from", "sender", "reply-to", "to", "cc", "bcc", "keywords", "errors-to", "return-receipt-to",
		"disposition-notification-to", "mail-followup-to", "mail-reply-to", "date", "message-id", "in-reply-to",
		"references", "received", "return-path", "mime-version", "content-id",
		"content-transfer-encoding", "hp-outer":
		return encodePhrases(value), nil
	case "content-location":
		return encodeText(brokenURLs(value)), nil
	}
	switch {
	case strings.HasPrefix(name, "resent-"):
		return encodePhrases(value), nil
	case strings.HasPrefix(name, "list-"):
		return encodePhrases(brokenURLs(value)), nil
	}
	return encodeText(value), nil
}

// brokenURLs puts white space into words that are too long for a line. In a URL it means nothing (RFC 2557, section
// 4.4.2, and RFC 2369, section 2).
func brokenURLs(value string) string {
	var b strings.Builder
	length := 0 // of the word so far
	for i := range len(value) {
		if c := value[i]; isBlank(c) || c >= 0x80 {
			length = 0
		} else if length++; length > maxWord {
			b.WriteByte(' ')
			length = 1
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// fold breaks a one-line value before white space, at column 76 where that is possible (RFC 2047, section 2; RFC
// 5322, section 2.2.3).
func fold(name, value string) string {
	var b strings.Builder
	column := len(name) + 1
	for i := 0; i < len(value); {
		end := i
		for end < len(value) && isBlank(value[end]) {
			end++
		}
		for end < len(value) && !isBlank(value[end]) {
			end++
		}
		width := end - i
		if isBlank(value[i]) && column+width > maxEncodedLine && (i > 0 || column+width > maxLine) {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(value[i:end])
		column += width
		i = end
	}
	return b.String()
}

func is7bit(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
