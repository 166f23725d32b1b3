package interop

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/emersion/go-message"
)

// leaf is a part that has no parts, decoded by a library that composes nothing in the program.
type leaf struct {
	mediaType, charset, name, method string
	content                          string
}

// checkContent compares the leaves of a payload with those of what was submitted, forwarded messages included, and looks
// for what must be in it octet for octet.
func checkContent(payload []byte, s *sample) error {
	if s.intact != "" && !bytes.Contains(payload, []byte(s.intact)) {
		return &fault{"signed octets changed", ""}
	}
	want, err := leaves(s.original)
	if err != nil {
		return fmt.Errorf("read the letter %q: %w", s.name, err)
	}
	got, err := leaves(payload)
	if err != nil {
		return &fault{"payload unreadable", err.Error()}
	}
	if len(got) != len(want) {
		return &fault{"parts differ", fmt.Sprintf("%d, not %d", len(got), len(want))}
	}
	for i := range got {
		if got[i] != want[i] {
			return &fault{"parts differ", fmt.Sprintf("%.300q, not %.300q", got[i], want[i])}
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
			return err
		}
		if strings.HasPrefix(mediaType, "multipart/") {
			return nil
		}
		content, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		if mediaType == "message/rfc822" {
			inner, err := leaves(content)
			all = append(all, inner...)
			return err
		}
		text := string(content)
		if strings.HasPrefix(mediaType, "text/") || strings.HasPrefix(mediaType, "message/") {
			text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		}
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")) // there may be none
		all = append(all, leaf{mediaType, params["charset"], disposition["filename"], params["method"], text})
		return nil
	})
	return all, err
}
