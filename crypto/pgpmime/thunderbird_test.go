package pgpmime_test

import (
	"mime"
	"regexp"
	"strings"
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

var delimiterLine = regexp.MustCompile(`(?m)^--`)

// subjectInThunderbird returns the Subject that Thunderbird shows of a payload, and whether it finds one. It takes what
// stands before the first line that begins with two hyphens for a header, nothing if there is no such line, and wants a
// Content-Type in it with the parameter of the drafts before RFC 9788; of a multipart it wants two delimiters, too.
func subjectInThunderbird(payload string) (string, bool) {
	at := delimiterLine.FindStringIndex(payload)
	if at == nil {
		return "", false
	}
	header, _ := mail.SplitMessage([]byte(payload[:at[0]]))
	contentType := header.Get("Content-Type")
	if !strings.Contains(contentType, `protected-headers="v1"`) {
		return "", false
	}
	if strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil || params["boundary"] == "" || strings.Count(payload, "\n--"+params["boundary"]) < 2 {
			return "", false
		}
	}
	return header.Get("Subject"), header.Has("Subject")
}

func TestThunderbirdShowsTheSubject(t *testing.T) {
	for _, tc := range []struct{ name, content string }{
		{"text", "Content-Type: text/plain; charset=us-ascii\n\nText.\n"},
		{"text without type", "\nText.\n"},
		{"text with a signature", "Content-Type: text/plain\n\nText.\n-- \nAlice\n"},
		{"nothing", "\n"},
		{"HTML", "Content-Type: text/html; charset=utf-8\n\n<p>\xc3\xa4</p>\n"},
		{"an attachment alone", "Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\nAAAA\n"},
		{"a forwarded message", "Content-Type: message/rfc822\n\nSubject: another\n\nText.\n"},
		{"a forwarded message in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA\n"},
		{"multipart", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nText.\n--b--\n"},
	} {
		for _, legacy := range []bool{false, true} {
			for _, policy := range []pgpmime.Confidentiality{pgpmime.Baseline, pgpmime.Shy} {
				m := parseMessage("From: alice@example.org\n--x: forged\nSubject: plans\nMIME-Version: 1.0\n" + tc.content)
				_, payload := composeEncrypted(t, pgpmime.Composer{Confidentiality: policy, LegacyDisplay: legacy}, m)
				if subject, found := subjectInThunderbird(payload); !found || subject != "plans" {
					t.Errorf("%s: %q, found: %t, in\n%s", tc.name, subject, found, payload)
				}
			}
		}
	}
}
