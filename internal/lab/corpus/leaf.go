package corpus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// leaf is what a reader is shown of one part: its content, or where a composite part begins and ends.
type leaf struct {
	number   string
	kind     string // a media type, "(" and ")" around what belongs together, or "header" of a forwarded message
	charset  string
	filename string
	id       string // Content-ID
	content  []byte
	// lines is set for content whose line ends may be CRLF or LF without being another content.
	lines         bool
	legacyDisplay bool // it begins with header fields that are repeated in it (RFC 9788, section 2.1.2)
	// unlabelled is set if the type and encoding are not what its label says, and readers would not agree on them.
	unlabelled bool
}

// leaves returns all below the entity in their order. A message in base64 or quoted-printable is read, too.
func (e *entity) leaves() []leaf {
	typ := e.mediaType()
	switch {
	case strings.HasPrefix(typ, "multipart/") && len(e.parts) > 0:
		all := []leaf{{number: e.number, kind: typ + "("}}
		for _, part := range e.parts {
			all = append(all, part.leaves()...)
		}
		return append(all, leaf{number: e.number, kind: ")"})
	case len(e.parts) > 0:
		return e.forwarded(e.parts[0])
	case typ == "message/rfc822" || typ == "message/global":
		inner := readEntity(e.content())
		inner.number = e.number
		return e.forwarded(inner)
	}
	return []leaf{e.leaf(typ)}
}

// forwarded returns a message in the message. One without a header of its own is no message, but a part in a wrapping.
func (e *entity) forwarded(inner *entity) []leaf {
	header := inner.fields()
	if len(header) == 0 && inner.get("MIME-Version") == "" {
		return inner.leaves()
	}
	all := []leaf{{number: e.number, kind: "message("}, {number: e.number, kind: "header", content: []byte(strings.Join(header, "\n"))}}
	return append(append(all, inner.leaves()...), leaf{number: e.number, kind: ")"})
}

func (e *entity) leaf(typ string) leaf {
	contentType := e.get("Content-Type")
	l := leaf{
		number:        e.number,
		kind:          typ,
		charset:       strings.ToLower(contentParameter(contentType, "charset")),
		filename:      contentParameter(e.get("Content-Disposition"), "filename"),
		id:            decodeWords(e.get("Content-ID")),
		content:       e.content(),
		legacyDisplay: contentParameter(contentType, "hp-legacy-display") == "1",
	}
	if l.filename == "" {
		l.filename = contentParameter(contentType, "name")
	}
	wide := strings.Contains(l.charset, "16") && strings.Contains(l.charset, "u") || strings.Contains(l.charset, "32") || strings.Contains(l.charset, "ucs")
	label := strings.ToLower(strings.TrimSpace(e.get("Content-Transfer-Encoding")))
	known := label == "" || label == "7bit" || label == "8bit" || label == "binary" || label == "base64"
	l.lines = !known || e.sealed || strings.HasPrefix(typ, "text/") && !wide || strings.HasPrefix(typ, "message/") || strings.HasPrefix(typ, "multipart/")
	l.unlabelled = strings.HasPrefix(typ, "multipart/") || e.decoding() == foreignEncoding
	return l
}

// fields returns what the header says, in a form that does not depend on how it is written. Fields about the body are
// left out.
func (e *entity) fields() []string {
	var all []string
	for _, f := range e.header {
		if name := strings.ToLower(f.name); !strings.HasPrefix(name, "content-") && name != "mime-version" {
			all = append(all, name+": "+f.meaning())
		}
	}
	return all
}

// meaning returns the decoded value without what is a matter of form: quotes and white space.
func (f field) meaning() string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\"\\\x00", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(decodeWords(f.value), "?"))
}

// compareLeaves returns how a message differs from what was sent, nil if it does not.
func compareLeaves(sent, got []leaf) []string {
	var faults []string
	if n := len(got); n > 1 && len(sent) > 0 && sent[0].isLayer() && got[0].kind == "multipart/mixed(" {
		got = got[1 : n-1]
	}
	for i := 0; i < max(len(sent), len(got)); i++ {
		if i < len(sent) && i < len(got) && got[i].kind == "message(" && strings.HasPrefix(sent[i].kind, "multipart/") {
			got = unwrapped(got, i)
		}
		switch {
		case i >= len(sent):
			return append(faults, fmt.Sprintf("there is a %s more than was sent", got[i].kind))
		case i >= len(got):
			return append(faults, fmt.Sprintf("the %s at %q is missing", sent[i].kind, sent[i].number))
		}
		if fault := compareLeaf(sent[i], got[i]); fault != "" {
			return append(faults, fmt.Sprintf("the %s at %q %s", sent[i].kind, sent[i].number, fault))
		}
	}
	return faults
}

// isLayer reports whether a message that is this is signed or encrypted as a whole, and travels in a multipart of its own.
func (l leaf) isLayer() bool {
	return slices.Contains([]string{"multipart/signed(", "multipart/encrypted(", "application/pkcs7-mime", "application/x-pkcs7-mime"}, l.kind)
}

// unwrapped takes the wrapping off a part that travels as a message of its own, since nothing in it may change.
func unwrapped(leaves []leaf, at int) []leaf {
	depth := 0
	for i := at; i < len(leaves); i++ {
		if strings.HasSuffix(leaves[i].kind, "(") {
			depth++
		} else if leaves[i].kind == ")" {
			depth--
		}
		if depth == 0 {
			return slices.Concat(leaves[:at], leaves[at+2:i], leaves[i+1:])
		}
	}
	return leaves
}

func compareLeaf(sent, got leaf) string {
	a, b := sent.content, got.content
	if sent.lines {
		a, b = bytes.ReplaceAll(a, []byte("\r\n"), []byte("\n")), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	}
	switch {
	case !sent.unlabelled && sent.kind != got.kind:
		return "has become a " + got.kind
	case !bytes.Equal(a, b):
		return fmt.Sprintf("has other content: %s", difference(a, b))
	case !sent.unlabelled && sent.charset != got.charset && !got.widened(sent):
		return fmt.Sprintf("has the charset %q instead of %q", got.charset, sent.charset)
	case sent.filename != got.filename:
		return fmt.Sprintf("is called %q instead of %q", got.filename, sent.filename)
	case sent.id != got.id:
		return fmt.Sprintf("has the Content-ID %q instead of %q", got.id, sent.id)
	}
	return ""
}

// widened reports whether the charset has become one that can write the header fields at the top of the text, and of
// which the text was in already.
func (l leaf) widened(sent leaf) bool {
	ascii := (sent.charset == "" || sent.charset == "us-ascii") && !slices.ContainsFunc(sent.content, func(c byte) bool { return c >= 0x80 })
	return l.legacyDisplay && l.charset == "utf-8" && ascii
}

// difference shows where two texts part.
func difference(a, b []byte) string {
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	begin := max(0, at-20)
	return fmt.Sprintf("at %d of %d octets there is %q instead of %q", at, len(a), b[begin:min(len(b), at+40)], a[begin:min(len(a), at+40)])
}
