package bench

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"sealmilter/internal/mail"
)

// letter is the message to seal, with CRLF line ends.
type letter struct {
	raw []byte
	// message is the same as the milter gets it. Nobody changes it.
	message *mail.Message
	// path is a file with raw, for other programs; "" if there is none.
	path string
}

// newLetter makes a message with an attachment, of a size in octets, which is not reached by less than a line. It is the
// same each time.
func newLetter(octets int) *letter {
	const last = "--mixed--\r\n"
	var b bytes.Buffer
	b.Grow(octets + 1*kb)
	b.WriteString("From: Author <" + author + ">\r\nTo: recipients@example.net\r\nSubject: Figures\r\n" +
		"Date: Mon, 6 Jul 2026 12:00:00 +0000\r\nMessage-ID: <figures@example.org>\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=mixed\r\n\r\n" +
		"--mixed\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n--mixed\r\nContent-Type: application/pdf\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n")
	random := rand.NewChaCha8([32]byte{})
	for line := make([]byte, 57); b.Len()+78+len(last) <= octets; {
		random.Read(line)                                                                      // never fails
		b.Write(append(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), line), "\r\n"...)) // no garbage: memory is measured
	}
	b.WriteString(last)
	m := new(mail.Message)
	m.Header, m.Body = mail.SplitMessage(b.Bytes())
	return &letter{raw: b.Bytes(), message: m}
}

// writeLetter makes a message that is in a folder, too.
func writeLetter(dir string, octets int) (*letter, error) {
	l := newLetter(octets)
	l.path = filepath.Join(dir, fmt.Sprintf("%d.eml", octets))
	return l, os.WriteFile(l.path, l.raw, 0o600)
}
