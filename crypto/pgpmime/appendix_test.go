package pgpmime_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"

	"sealmilter/crypto/pgpmime"
)

// tree writes one line for each entity: its type, what it says of header protection, its disposition, and the first line of
// its text.
func tree(t *testing.T, e *message.Entity, indent string) (lines []string) {
	t.Helper()
	typ, params, err := e.Header.ContentType()
	if err != nil {
		t.Fatal(err)
	}
	line := indent + typ
	for _, name := range []string{"hp", "hp-legacy-display"} {
		if value, ok := params[name]; ok {
			line += fmt.Sprintf(" %s=%s", name, value)
		}
	}
	if disposition, _, err := e.Header.ContentDisposition(); err == nil {
		line += " " + disposition
	}
	parts := e.MultipartReader()
	if parts == nil {
		text, err := io.ReadAll(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(typ, "text/") {
			first, _, _ := bytes.Cut(text, []byte("\r\n"))
			line += ": " + string(first)
		}
		return append(lines, line)
	}
	lines = append(lines, line)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, tree(t, part, indent+"  ")...)
	}
}

// TestAppendix composes messages of the kinds of RFC 9788, appendices C.3.1, C.3.2, C.3.9, C.3.10 and D.1.2, and
// compares what the standard has beneath the layers of S/MIME, which are not OpenPGP's.
func TestAppendix(t *testing.T) {
	const fields = "Subject: the subject\nMessage-ID: <1@smime.example>\nFrom: Alice <alice@smime.example>\n" +
		"To: Bob <bob@smime.example>\nDate: Sat, 20 Feb 2021 10:09:02 -0500\nUser-Agent: Sample MUA Version 1.0\nMIME-Version: 1.0\n"
	simple := fields + "Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: 7bit\n\nThis is the message.\n"
	complicated := fields + "Content-Type: multipart/mixed; boundary=\"m\"\n\n--m\nContent-Type: multipart/alternative; boundary=\"a\"\n\n" +
		"--a\nContent-Type: text/plain; charset=\"us-ascii\"\n\nThis is the message.\n--a\nContent-Type: text/html; charset=\"us-ascii\"\n\n" +
		"<html><head><title></title></head><body>\n<p>This is the message.</p></body></html>\n--a--\n\n" +
		"--m\nContent-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Disposition: inline; filename=\"inline.png\"\n\n" +
		base64.StdEncoding.EncodeToString([]byte("png")) + "\n--m--\n"
	seen := func(subject, from, to, date string) []field {
		return []field{
			{"subject", subject}, {"message-id", "<1@smime.example>"}, {"from", from}, {"to", to}, {"date", date},
			{"user-agent", "Sample MUA Version 1.0"},
		}
	}
	baseline := seen("[...]", "Alice <alice@smime.example>", "Bob <bob@smime.example>", "Sat, 20 Feb 2021 10:09:02 -0500")
	shy := seen("[...]", "alice@smime.example", "bob@smime.example", "Sat, 20 Feb 2021 15:09:02 +0000")
	for _, tc := range []struct {
		name     string
		text     string
		composer pgpmime.Composer
		seen     []field
		tree     []string
	}{
		{"C.3.1", simple, pgpmime.Composer{}, baseline, []string{"text/plain hp=cipher: This is the message."}},
		{"C.3.2", simple, pgpmime.Composer{LegacyDisplay: true}, baseline,
			[]string{"text/plain hp=cipher hp-legacy-display=1: Subject: the subject"}},
		{"simple, hcp_shy", simple, pgpmime.Composer{Confidentiality: pgpmime.Shy}, shy,
			[]string{"text/plain hp=cipher: This is the message."}},
		{"C.3.9", complicated, pgpmime.Composer{}, baseline, []string{
			"multipart/mixed hp=cipher", "  multipart/alternative", "    text/plain: This is the message.",
			"    text/html: <html><head><title></title></head><body>", "  image/png inline",
		}},
		{"C.3.10", complicated, pgpmime.Composer{LegacyDisplay: true}, baseline, []string{
			"multipart/mixed hp=cipher", "  multipart/alternative", "    text/plain hp-legacy-display=1: Subject: the subject",
			"    text/html hp-legacy-display=1: <html><head><title></title></head><body>", "  image/png inline",
		}},
	} {
		outside, payload := composeEncrypted(t, tc.composer, parseMessage(tc.text))
		r := receive(t, outside, payload)
		inner, err := message.Read(strings.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		if got := tree(t, inner, ""); !slices.Equal(got, tc.tree) {
			t.Errorf("%s: the payload is\n%s\nwant\n%s", tc.name, strings.Join(got, "\n"), strings.Join(tc.tree, "\n"))
		}
		if !slices.Equal(r.seen, tc.seen) || !slices.Equal(r.told, tc.seen) {
			t.Errorf("%s: outside\n%q\ntold\n%q\nwant\n%q", tc.name, r.seen, r.told, tc.seen)
		}
		if want := seen("the subject", "Alice <alice@smime.example>", "Bob <bob@smime.example>", "Sat, 20 Feb 2021 10:09:02 -0500"); !slices.Equal(r.protected, want) {
			t.Errorf("%s: protected\n%q\nwant\n%q", tc.name, r.protected, want)
		}
	}

	t.Run("D.1.2", func(t *testing.T) {
		outside, payload := composeEncrypted(t, pgpmime.Composer{LegacyDisplay: true}, parseMessage(
			"Date: Wed, 11 Jan 2023 16:08:43 -0500\nFrom: Bob <bob@example.net>\nTo: Alice <alice@example.net>\nSubject: A contract\n"+
				"Message-ID: <1@lhp.example>\nContent-Type: text/plain; charset=\"us-ascii\"\nMIME-Version: 1.0\n\nPlease review it.\n"))
		header, body, _ := strings.Cut(payload, "\r\n\r\n")
		wantHeader := "Content-Type: text/plain; charset=\"us-ascii\"; hp-legacy-display=\"1\";\r\n protected-headers=\"v1\"; hp=\"cipher\"\r\n" +
			"Date: Wed, 11 Jan 2023 16:08:43 -0500\r\nFrom: Bob <bob@example.net>\r\nTo: Alice <alice@example.net>\r\n" +
			"Subject: A contract\r\nMessage-ID: <1@lhp.example>\r\n" +
			"HP-Outer: Date: Wed, 11 Jan 2023 16:08:43 -0500\r\nHP-Outer: From: Bob <bob@example.net>\r\n" +
			"HP-Outer: To: Alice <alice@example.net>\r\nHP-Outer: Subject: [...]\r\nHP-Outer: Message-ID: <1@lhp.example>\r\n" +
			"--: end of the protected header"
		if header != wantHeader || body != "Subject: A contract\r\n\r\nPlease review it.\r\n" {
			t.Errorf("the payload is\n%s\nwant the header\n%s", payload, wantHeader)
		}
		if outside.Get("Subject") != "[...]" || len(outside.All("Subject")) != 1 {
			t.Errorf("outside\n%s", outside.AppendTo(nil))
		}
	})
}
