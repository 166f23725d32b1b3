package gate

import (
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// isQuoted reports whether a mode that a message asks for may be somebody else's wish: it stands in the Subject of an answer
// behind other text, where the Subject of a stranger comes to stand who wants the answer in clear text. What a program
// answers has no wishes but in the field of its own.
func isQuoted(r config.Request, m *mail.Message, asked config.Mode) bool {
	h := m.Header
	answers := slices.ContainsFunc([]string{"In-Reply-To", "References", "X-Forwarded-Message-Id"}, h.Has)
	byProgram := m.Envelope.Sender.IsNull() || h.Has("Auto-Submitted") && !strings.EqualFold(h.Get("Auto-Submitted"), "no")
	if asked == "" || !answers && !byProgram {
		return false
	}
	if r.Header != "" && strings.EqualFold(h.Get(r.Header), string(asked)) {
		return false
	}
	if byProgram {
		return true
	}
	tags := newSubjectTags(r.Subject)
	for _, f := range h.All("Subject") {
		if tags.inFront(f.Value, asked) {
			return false
		}
	}
	return true
}

// inFront reports whether a field begins with a tag that asks for that mode.
func (t subjectTags) inFront(value string, asked config.Mode) bool {
	text := parseSubject(value).text()
	for _, tag := range t.each {
		if at := tag.pattern.FindStringIndex(text); tag.mode == asked && at != nil && strings.TrimSpace(text[:at[0]]) == "" {
			return true
		}
	}
	return false
}
