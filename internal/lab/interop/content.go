package interop

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"regexp"
	"slices"
	"strings"

	"github.com/emersion/go-message"

	"sealmilter/crypto"
)

// leaf is a part that has no parts, decoded by a library that composes nothing in the program.
type leaf struct {
	mediaType, charset, name, method string
	content                          string
	// displays tells that hidden fields stood in the text, which are not in the content.
	displays bool
}

// String shows control characters, and not all of a long content.
func (l leaf) String() string {
	return fmt.Sprintf("%s charset=%q name=%q method=%q %.300q", l.mediaType, l.charset, l.name, l.method, l.content)
}

// withoutKey cuts off the author's certificate where it is expected.
func withoutKey(all []leaf, s *sample) ([]leaf, error) {
	if !s.attached {
		return all, nil
	}
	last := len(all) - 1
	if last < 0 || all[last].mediaType != "application/pgp-keys" {
		return nil, &fault{"certificate not attached", ""}
	}
	for key, err := range crypto.Keys(strings.NewReader(all[last].content)) {
		if err != nil || key.Cert == nil || key.Cert.Fingerprint() != s.signer {
			return nil, &fault{"not the author's certificate attached", fmt.Sprint(err)}
		}
	}
	return all[:last], nil
}

// legacyHTML is how a text/html part repeats fields (RFC 9788, section 5.2.3).
var legacyHTML = regexp.MustCompile(`(?s)\n<div class="header-protection-legacy-display">(.*?)</div>\n`)

// withoutLegacy cuts off the fields that a text repeats, of which the Subject must be one.
func withoutLegacy(mediaType, text string) (rest string, found bool) {
	if mediaType == "text/html" {
		m := legacyHTML.FindStringSubmatch(text)
		return legacyHTML.ReplaceAllString(text, ""), m != nil && strings.Contains(m[1], "Subject: ")
	}
	fields, rest, _ := strings.Cut(text, "\n\n")
	return rest, strings.Contains("\n"+fields, "\nSubject: ")
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
	if got, err = withoutKey(got, s); err != nil {
		return err
	}
	if displayed := slices.ContainsFunc(got, func(l leaf) bool { return l.displays }); displayed != s.legacy {
		return &fault{"legacy display missing or too much", fmt.Sprintf("it is there: %v", displayed)}
	}
	if len(got) != len(want) {
		return &fault{"parts differ", fmt.Sprintf("%d, not %d", len(got), len(want))}
	}
	for i := range got {
		got[i].displays = false
		if got[i] != want[i] {
			return &fault{"parts differ", fmt.Sprintf("%v, not %v", got[i], want[i])}
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
		displays := false
		if params["hp-legacy-display"] == "1" {
			if text, displays = withoutLegacy(mediaType, text); !displays {
				return &fault{"legacy display without the Subject", text}
			}
		}
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")) // there may be none
		all = append(all, leaf{mediaType, params["charset"], disposition["filename"], params["method"], text, displays})
		return nil
	})
	return all, err
}
