package pgpmime

import (
	"fmt"
	"strings"

	"sealmilter/internal/mail"
)

// place says where a header field of the message goes under header protection (RFC 9788).
type place uint8

const (
	both     place = iota // into the payload, and it stays outside
	obscured              // into the payload; outside an encrypted one it becomes "[...]"
	inside                // into the payload; outside an encrypted one it is missing
	outside               // it stays outside, unprotected: it is about the transport or the mailbox
	nowhere
)

// placeOf says where a field goes if everything is hidden that can be: hcp_baseline (RFC 9788, section 3.2.1), and more
// fields that repeat what is in the Subject or in the text. fromList tells that a mailing list server sent the message: then
// List-* are its own, added in transit (section 7).
func placeOf(name string, fromList bool) place {
	name = strings.ToLower(name)
	if namesEnvelope(name) {
		return nowhere
	}
	switch name {
	case "subject":
		return obscured
	case "x-message-flag", // Outlook: what is to be done about the message, in words
		"x-amavis-alert": // names the files
		return inside
	case "received", "received-spf", "authentication-results", "delivered-to", "x-original-to", "archived-at",
		"autocrypt", "openpgp": // up to 10 KiB about the sender's mailbox
		return outside
	case "return-path", "content-length", "lines", "status", "x-status", // a mailbox keeps them for itself
		"x-uid", "x-uidl", "x-imap", "x-imapbase", "fcc",
		"dkim-signature", "domainkey-signature", // the new body breaks them
		"x-spam-report", "x-ham-report", // SpamAssassin quotes from the text in it
		"autocrypt-gossip", // a client's own may name anybody, and would reach everybody
		"hp-outer",         // only the composer may say what was outside
		"x-mailbox-line",   // the "From " line of a mailbox, by Postfix
		"mime-version":
		return nowhere
	case "x-spam-flag", "x-spam-level", "x-spam-score", "x-spam-checker-version":
		return both // routing may go by them
	}
	if strings.HasPrefix(name, "--") {
		return nowhere // some would take it for a delimiter
	}
	switch prefix, rest, _ := strings.Cut(name, "-"); prefix {
	case "content", // on the root of the payload
		"arc": // broken as DKIM-Signature is
		return nowhere
	case "resent":
		return outside // RFC 5322, section 3.6.6: trace
	case "list":
		if fromList {
			return outside
		}
	case "x":
		switch kind, _, _ := strings.Cut(rest, "-"); kind {
		case "mozilla":
			return nowhere // of the sender's own mailbox
		case "spam":
			return inside // names rules that the text matched, words of it, or what the Subject was
		}
	}
	if repeats(name) {
		return inside
	}
	return both
}

// repeats reports whether a field, by its name, repeats or sums up what is to be hidden: Comments and Keywords (RFC 9788,
// section 3.2.1), Outlook's Thread-Topic, mutt's X-Label, X-Original-Subject, Summary, X-MS-Has-Attach and the like.
func repeats(name string) bool {
	for _, word := range []string{"subject", "topic", "summary", "comment", "keyword", "label", "categor", "descri", "attach"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// protectedHeader is a message's header, taken apart.
type protectedHeader struct {
	inside           mail.Header // into every payload
	hpOuter          mail.Header // HP-Outer: what an encrypted payload tells of the fields outside (RFC 9788, section 2.2)
	outsideSigned    mail.Header // outside a signed payload, without MIME fields
	outsideEncrypted mail.Header // outside an encrypted payload, without MIME fields
	// displayed are the fields that the reader of an encrypted copy ought to see and does not if his program knows
	// nothing of header protection.
	displayed mail.Header
}

// protect distributes the fields of a header. Fields named in strip go nowhere.
func protect(h mail.Header, strip []string, hide Confidentiality) (protectedHeader, error) {
	var p protectedHeader
	if len(h) > maxFields {
		return p, tooMuch("has more than %d header fields", maxFields)
	}
	fromList := h.Has("List-Id")
	for _, f := range h.Without(strip...) {
		switch where := placeOf(f.Name, fromList); where {
		case both, obscured, inside:
			if err := p.add(f, where, hide); err != nil {
				return p, &MalformedError{Problem: err.Error()}
			}
		case outside:
			if canonical, err := canonicalField(f); err == nil && !is7bit(f.Value) {
				f = canonical // Resent-From, for one; a field that is 7-bit stays octet for octet
			}
			p.outsideSigned = append(p.outsideSigned, f)
			if f, shown := hide.outsideOnly(f); shown {
				p.outsideEncrypted = append(p.outsideEncrypted, f)
			}
		}
	}
	return p, nil
}

// add distributes a protected field (RFC 9788, section 5.2.1).
func (p *protectedHeader) add(f mail.Field, where place, hide Confidentiality) error {
	f, err := canonicalField(f)
	if err != nil {
		return err
	}
	p.inside = append(p.inside, f)
	p.outsideSigned = append(p.outsideSigned, f)
	visible, shown := hide.outside(f, where)
	if isUserFacing(f.Name) && (!shown || visible.Text() != f.Text()) {
		p.displayed = append(p.displayed, f)
	}
	if !shown {
		return nil
	}
	p.outsideEncrypted = append(p.outsideEncrypted, visible)
	told := mail.Field{Name: "HP-Outer", Value: " " + visible.Name + ":" + visible.Value}
	if longestLine(told.Name, told.Value) > maxLine {
		told.Value = fold(told.Name, strings.ReplaceAll(told.Value, "\r\n", ""))
	}
	if longestLine(told.Name, told.Value) > maxLine {
		return fmt.Errorf("has a %s that is too long to be repeated in HP-Outer", called(f.Name))
	}
	p.hpOuter = append(p.hpOuter, told)
	return nil
}

// isUserFacing reports whether programs show a field to their users (RFC 9788, section 1.1.2).
func isUserFacing(name string) bool {
	switch strings.ToLower(name) {
	case "subject", "from", "to", "cc", "date", "reply-to", "followup-to", "sender":
		return true
	}
	return false
}

// withProtection marks a Content-Type as that of the root of a payload with header protection (RFC 9788, section
// 2.1.1). The older parameter is what Thunderbird, K-9 and others read.
func withProtection(contentType, hp string) string {
	return parseParameters(contentType).withClaims("\r\n protected-headers=\"v1\"", " hp=\""+hp+"\"").String() // without empty ones
}
