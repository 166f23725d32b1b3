package corpus

import (
	"bytes"

	"sealmilter/crypto/pgpmime"
)

// Setting is one way to compose copies.
type Setting struct {
	Name            string
	Confidentiality pgpmime.Confidentiality
	LegacyDisplay   bool
	AttachKey       bool
}

// Settings are those that messages are composed with: what is shipped, and what an administrator may want most.
var Settings = []Setting{
	{Name: "default"},
	{Name: "shy", Confidentiality: pgpmime.Shy, LegacyDisplay: true, AttachKey: true},
}

// shown returns what a reader of today's programs sees as the message: without what the setting adds to it.
func (s Setting) shown(leaves []leaf) []leaf {
	if n := len(leaves); s.AttachKey && n > 3 && leaves[0].kind == "multipart/mixed(" && leaves[n-2].kind == "application/pgp-keys" {
		leaves = leaves[1 : n-2]
	}
	for i := range leaves {
		if leaves[i].legacyDisplay {
			leaves[i].content = withoutLegacyDisplay(leaves[i].kind, leaves[i].content)
		}
	}
	return leaves
}

// withoutLegacyDisplay takes the repeated header fields off a text (RFC 9788, section 5.2).
func withoutLegacyDisplay(typ string, content []byte) []byte {
	if typ == "text/html" {
		start := bytes.Index(content, []byte(`<div class="header-protection-legacy-display">`))
		if start < 0 {
			return content
		}
		end := bytes.Index(content[start:], []byte("</div>"))
		if end < 0 {
			return content
		}
		// It stands in lines of its own.
		before, after := content[:start], content[start+end+len("</div>"):]
		return append(bytes.Clone(trimEnd(before)), trimBegin(after)...)
	}
	for _, empty := range []string{"\r\n\r\n", "\n\n"} {
		if _, rest, found := bytes.Cut(content, []byte(empty)); found {
			return rest
		}
	}
	return content
}

func trimEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

func trimBegin(b []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimPrefix(b, []byte("\r")), []byte("\n"))
}
