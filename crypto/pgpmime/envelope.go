package pgpmime

import (
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// WithoutEnvelope returns a copy of a header without the fields that name recipients whom the others are not to know
// of. It is what a copy has that is neither signed nor encrypted; the copies of a [Draft] lack these fields in any
// case.
func WithoutEnvelope(h mail.Header) mail.Header {
	return slices.DeleteFunc(slices.Clone(h), func(f mail.Field) bool { return namesEnvelope(strings.ToLower(f.Name)) })
}

// namesEnvelope reports whether a field, by its name in lower case, is about the recipients of the envelope rather than
// those whom everybody sees.
func namesEnvelope(name string) bool {
	switch name {
	case "apparently-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "original-recipient", // by mail servers and filters
		"x-spamd-result": // rspamd lists them among its rules
		return true
	}
	return name == "bcc" || strings.HasSuffix(name, "-bcc") // RFC 5322, section 3.6.3: the first of the three ways
}
