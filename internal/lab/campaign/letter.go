package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// secret begins every marker. Nothing that anybody but a recipient can see may hold it, in whatever case.
const secret = "zymurgy"

// letter is one message as its author means it.
type letter struct {
	// marker is in Subject and text, and in no other letter.
	marker string
	// id is the Message-ID in angle brackets, "" for a letter without one.
	id   string
	from author
	// to is the envelope, in which somebody may stand twice.
	to []recipient
	// meant is how many times the author sends these very octets and wants them to arrive.
	meant int
	// local letters are handed in with sendmail(1).
	local bool
	// seed and size make the text again: a letter does not stay in memory.
	seed uint64
	size int
	// named are those of to whom the fields To and Cc show.
	named []recipient
}

// readers returns the envelope without repetitions.
func (l *letter) readers() []recipient {
	var all []recipient
	for _, r := range l.to {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// hidden returns the recipients whom the header does not show.
func (l *letter) hidden() []recipient {
	return slices.DeleteFunc(l.readers(), func(r recipient) bool { return slices.Contains(l.named, r) })
}

// text returns the body of the first part, with CRLF. No line begins with a dot, ends with a blank or is long, so that
// a composer has no reason to change any.
func (l *letter) text() []byte {
	random := rand.New(rand.NewPCG(l.seed, 1))
	var b bytes.Buffer
	fmt.Fprintf(&b, "This is %s.\r\n", l.marker)
	for b.Len() < min(l.size, 4000) {
		for range 4 + random.IntN(6) {
			fmt.Fprintf(&b, "w%x ", random.Uint32()>>uint(random.IntN(20)))
		}
		b.WriteString("end\r\n")
	}
	fmt.Fprintf(&b, "That was %s.\r\n", l.marker)
	return b.Bytes()
}

// attachment returns what a large letter has beside its text, in base64, nil for a small one.
func (l *letter) attachment() []byte {
	if l.size <= 4000 {
		return nil
	}
	raw := make([]byte, (l.size-4000)*3/4)
	digest := sha256.Sum256(fmt.Append(nil, l.seed))
	rand.NewChaCha8(digest).Read(raw)
	encoded := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\r\n")
	return b.Bytes()
}

// message returns the octets that the client sends, with CRLF. They are the same at each try.
func (l *letter) message() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\n", l.from.addr)
	var shown []string
	for _, r := range l.named {
		shown = append(shown, r.addr)
	}
	switch half := (len(shown) + 1) / 2; {
	case len(shown) == 0:
		b.WriteString("To: undisclosed-recipients:;\r\n")
	case len(shown) == 1:
		fmt.Fprintf(&b, "To: %s\r\n", shown[0])
	default:
		fmt.Fprintf(&b, "To: %s\r\nCc: %s\r\n", strings.Join(shown[:half], ",\r\n "), strings.Join(shown[half:], ",\r\n "))
	}
	fmt.Fprintf(&b, "Subject: About %s\r\n", l.marker)
	if l.id != "" {
		fmt.Fprintf(&b, "Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: %s\r\n", l.id)
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	attachment := l.attachment()
	if attachment == nil {
		b.WriteString("Content-Type: text/plain; charset=us-ascii\r\n\r\n")
		b.Write(l.text())
		return b.Bytes()
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=\"the-parts\"\r\n\r\n--the-parts\r\n")
	b.WriteString("Content-Type: text/plain; charset=us-ascii\r\n\r\n")
	b.Write(l.text())
	b.WriteString("--the-parts\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	b.Write(attachment)
	b.WriteString("--the-parts--\r\n")
	return b.Bytes()
}

// whole reports whether a payload has all of the letter's content.
func (l *letter) whole(payload []byte) bool {
	payload = bytes.ReplaceAll(payload, []byte("\r\n"), []byte("\n"))
	for _, part := range [][]byte{l.text(), l.attachment()} {
		if !bytes.Contains(payload, bytes.TrimSpace(bytes.ReplaceAll(part, []byte("\r\n"), []byte("\n")))) {
			return false
		}
	}
	return true
}
