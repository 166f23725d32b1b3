package lab

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// ReadData reads a message as an SMTP server does, up to the final dot, and takes away the dots of RFC 5321, section
// 4.5.2. Only CRLF ends a line. The error of a client that is gone before is [io.ErrUnexpectedEOF].
func ReadData(in *bufio.Reader) ([]byte, error) {
	var data, line []byte
	for {
		part, err := in.ReadBytes('\n')
		if err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		if line = append(line, part...); !bytes.HasSuffix(line, []byte("\r\n")) {
			continue
		}
		if string(line) == ".\r\n" {
			return data, nil
		}
		data = append(data, bytes.TrimPrefix(line, []byte("."))...)
		line = line[:0]
	}
}

// ParsePath splits what follows MAIL or RCPT, such as "FROM:<a@b> SIZE=1", into the path with its brackets and the
// parameters. A quoted local part may hold anything.
func ParsePath(text, keyword string) (path string, args []string, ok bool) {
	if len(text) < len(keyword) || !strings.EqualFold(text[:len(keyword)], keyword) {
		return "", nil, false
	}
	text = strings.TrimLeft(text[len(keyword):], " ")
	if !strings.HasPrefix(text, "<") {
		return "", nil, false
	}
	quoted, escaped := false, false
	for i, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return text[:i+1], strings.Fields(text[i+1:]), true
		}
	}
	return "", nil, false
}
