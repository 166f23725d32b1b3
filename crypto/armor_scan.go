package crypto

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

var (
	armorBegin    = []byte("-----BEGIN ")
	armorEnd      = []byte("-----END ")
	armorDashes   = []byte("-----")
	byteOrderMark = []byte("\xef\xbb\xbf")
)

// armorScanner finds armored blocks in text (RFC 9580, section 6.2). go-crypto's decoder, beside reading one block
// only, loses the block that follows one without an end, and joins the pieces of a long line in quadratic time.
type armorScanner struct {
	in *bufio.Reader
	// begun is the label of a block whose first line has been read.
	begun string
}

// next skips to the next block and returns its label and contents, which are good until the call after. It returns
// io.EOF when there is none.
func (s *armorScanner) next() (label string, body io.Reader, err error) {
	for s.begun == "" {
		if _, err := s.line(); err != nil {
			return "", nil, err
		}
	}
	label, s.begun = s.begun, ""
	return label, base64.NewDecoder(base64.StdEncoding, &armorBody{scanner: s, inHeader: true}), nil
}

// line returns the next line without white space around it, nil in the place of one longer than the buffer, and
// notes a block's first line. It is good until the next call.
func (s *armorScanner) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.in.ReadSlice('\n')
		}
		line = nil
	}
	if err != nil && (err != io.EOF || len(line) == 0) {
		return nil, err
	}
	line = bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark))
	if label, ok := bytes.CutPrefix(line, armorBegin); ok {
		if label, ok := bytes.CutSuffix(label, armorDashes); ok {
			s.begun = string(label)
		}
	}
	return line, nil
}

// armorBody reads the Base64 text of a block.
type armorBody struct {
	scanner  *armorScanner
	inHeader bool
	text     []byte
	err      error
}

func (b *armorBody) Read(p []byte) (int, error) {
	for len(b.text) == 0 && b.err == nil {
		b.text, b.err = b.next()
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	if n == 0 {
		return 0, b.err
	}
	return n, nil
}

// next returns the text of the next line, which is empty for header and checksum lines.
func (b *armorBody) next() ([]byte, error) {
	line, err := b.scanner.line()
	switch {
	case err == io.EOF, b.scanner.begun != "":
		return nil, fmt.Errorf("%w: its armor does not end", errFraming)
	case err != nil:
		return nil, err
	case bytes.HasPrefix(line, armorEnd):
		return nil, io.EOF
	case b.inHeader:
		b.inHeader = len(line) > 0
		return nil, nil
	case len(line) == 5 && line[0] == '=':
		return nil, nil
	}
	return line, nil
}
