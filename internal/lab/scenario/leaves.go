package scenario

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-message"
)

// leaf is one part of a message that is neither a multipart nor a message, decoded by a library that the program
// composes nothing with.
type leaf struct {
	kind
	content []byte
}

// kind is what a reader chooses a program by.
type kind struct {
	mediaType, charset, name string
	method                   string // of a calendar object (RFC 5546)
}

// compareLeaves checks that a payload holds what the original message held: the same parts in the same order with the
// same octets, but for the ends of lines in text. Certificates do not count: who attached them is another question.
func compareLeaves(payload, original []byte) error {
	got, err := leaves(payload)
	if err != nil {
		return fmt.Errorf("read the payload: %w", err)
	}
	want, err := leaves(original)
	if err != nil {
		return fmt.Errorf("read the original: %w", err)
	}
	got, want = withoutKeys(got), withoutKeys(want)
	if len(got) != len(want) {
		return fmt.Errorf("the payload has %d parts, the original %d", len(got), len(want))
	}
	for i := range got {
		if got[i].kind != want[i].kind {
			return fmt.Errorf("part %d is %q, not %q", i+1, got[i].kind, want[i].kind)
		}
		if !bytes.Equal(got[i].content, want[i].content) {
			return fmt.Errorf("part %d differs: %d octets %.300q, not %d octets %.300q", i+1, len(got[i].content), got[i].content,
				len(want[i].content), want[i].content)
		}
	}
	return nil
}

func leaves(entity []byte) ([]leaf, error) {
	e, err := message.Read(bytes.NewReader(entity))
	if err != nil && !message.IsUnknownCharset(err) {
		return nil, err
	}
	var all []leaf
	err = e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil && !message.IsUnknownCharset(err) {
			return err
		}
		mediaType, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			mediaType = "text/plain"
		}
		if strings.HasPrefix(mediaType, "multipart/") {
			return nil
		}
		content, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		if mediaType == "message/rfc822" {
			// What is forwarded may have to be encoded, so it is compared leaf by leaf.
			in, err := leaves(content)
			all = append(all, in...)
			return err
		}
		if strings.HasPrefix(mediaType, "text/") {
			content = bytes.TrimRight(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")), "\n")
		}
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		all = append(all, leaf{kind{mediaType, params["charset"], disposition["filename"], params["method"]}, content})
		return nil
	})
	return all, err
}

// checkHeader compares the header that a reader sees, the protected one inside, with the original, and the outer one
// with it as far as it may tell.
func checkHeader(raw, payload, original []byte) error {
	want, err := mail.ReadMessage(bytes.NewReader(original))
	if err != nil {
		return err
	}
	outer, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	inner, err := mail.ReadMessage(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	for _, name := range []string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References"} {
		values := want.Header[textName(name)]
		if len(values) > 0 && !slices.Equal(decodeWords(inner.Header[textName(name)]), decodeWords(values)) {
			return fmt.Errorf("%s inside is %q, not %q", name, inner.Header[textName(name)], values)
		}
		if len(values) > 0 && name != "Subject" && outer.Header.Get(name) == "" {
			return fmt.Errorf("%s is missing outside", name)
		}
	}
	for _, header := range []mail.Header{outer.Header, inner.Header} {
		if header.Get("Bcc") != "" {
			return fmt.Errorf("a Bcc field is left")
		}
	}
	return nil
}

// textName is the key that net/mail files a field under.
func textName(name string) string {
	if name == "Message-ID" {
		return "Message-Id"
	}
	return name
}

func decodeWords(values []string) []string {
	var decoded []string
	for _, v := range values {
		if text, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
			v = text
		}
		decoded = append(decoded, strings.Join(strings.Fields(v), " "))
	}
	return decoded
}
