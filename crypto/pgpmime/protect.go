package pgpmime

import (
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

// placeOf applies hcp_baseline (RFC 9788, section 3.2.1). fromList tells that a mailing list server sent the message:
// then List-* are its own, added in transit (section 7).
func placeOf(name string, fromList bool) place {
	name = strings.ToLower(name)
	switch name {
	case "subject":
		return obscured
	case "comments", "keywords",
		"thread-topic",     // Outlook repeats the subject in it
		"x-spam-status",    // SpamAssassin names the rules in it that the text matched
		"autocrypt-gossip": // Autocrypt Level 1: only in the encrypted payload
		return inside
	case "received", "received-spf", "authentication-results", "delivered-to", "x-original-to", "archived-at",
		"autocrypt", "openpgp": // up to 10 KiB about the sender's mailbox
		return outside
	case "bcc", "resent-bcc", // RFC 5322, section 3.6.3: the first of the three ways
		"return-path", "content-length", "lines", "status", "x-status", // a mailbox keeps them for itself
		"dkim-signature", "domainkey-signature", // the new body breaks them
		"apparently-to",                 // old sendmail names the envelope recipients in it
		"x-spamd-result",                // rspamd does, too
		"x-spam-report", "x-ham-report", // SpamAssassin quotes from the text in it
		"hp-outer", // only the composer may say what was outside
		"mime-version":
		return nowhere
	}
	switch prefix, _, _ := strings.Cut(name, "-"); prefix {
	case "content", // on the root of the payload
		"arc": // broken as DKIM-Signature is
		return nowhere
	case "resent":
		return outside // RFC 5322, section 3.6.6: trace
	case "list":
		if fromList {
			return outside
		}
	}
	return both
}

// protectedHeader is a message's header, taken apart.
type protectedHeader struct {
	inside           mail.Header // into the payload
	hpOuter          mail.Header // HP-Outer: what an encrypted payload tells of the fields outside (RFC 9788, section 2.2)
	outsideSigned    mail.Header // outside a signed payload, without MIME fields
	outsideEncrypted mail.Header // outside an encrypted payload, without MIME fields
}

// protect distributes the fields of a header. Fields named in strip go nowhere.
func protect(h mail.Header, strip []string) (protectedHeader, error) {
	var p protectedHeader
	if len(h) > maxFields {
		return p, tooMuch("has more than %d header fields", maxFields)
	}
	fromList := h.Has("List-Id")
	for _, f := range h.Without(strip...) {
		where := placeOf(f.Name, fromList)
		if where == nowhere {
			continue
		}
		if where == outside {
			p.outsideSigned = append(p.outsideSigned, f)
			p.outsideEncrypted = append(p.outsideEncrypted, f)
			continue
		}
		f, err := canonicalField(f)
		if err != nil {
			return p, &MalformedError{Problem: err.Error()}
		}
		p.inside = append(p.inside, f)
		p.outsideSigned = append(p.outsideSigned, f)
		if where == inside {
			continue
		}
		if where == obscured {
			f.Value = " [...]"
		}
		p.outsideEncrypted = append(p.outsideEncrypted, f)
		told, err := canonicalField(mail.Field{Name: "HP-Outer", Value: " " + f.Name + ":" + f.Value})
		if err != nil {
			return p, &MalformedError{Problem: err.Error()}
		}
		p.hpOuter = append(p.hpOuter, told)
	}
	return p, nil
}

// withProtection marks a Content-Type as that of the root of a payload with header protection (RFC 9788, section
// 2.1.1). The older parameter is what Thunderbird, K-9 and others read. The sender's own ones go.
func withProtection(contentType, hp string) string {
	p := parseParameters(contentType).without("hp", "hp-legacy-display", "protected-headers")
	if strings.TrimSpace(p.first) == "" {
		p.first = " text/plain"
	}
	return p.String() + ";\r\n protected-headers=\"v1\"; hp=\"" + hp + "\""
}
