package pgpmime

import "sealmilter/internal/mail"

// Confidentiality is a header confidentiality policy (RFC 9788, section 3): what an encrypted copy shows of the header to
// everybody on its way. A value that is none of the constants hides as much as the one that hides most.
type Confidentiality uint8

const (
	// Baseline hides the Subject behind "[...]", and Comments and Keywords (hcp_baseline, section 3.2.1).
	Baseline Confidentiality = iota
	// Shy hides display names and the time zone, too (hcp_shy, section 3.2.2).
	Shy
	// NoConfidentiality hides nothing (hcp_no_confidentiality, section 3.2.3).
	NoConfidentiality
)

// outside returns a protected field as an encrypted copy shows it, and whether it shows it at all. What is not shown as it
// was is printable US-ASCII (section 3.1), save a local part that has no such form.
func (c Confidentiality) outside(f mail.Field, where place) (mail.Field, bool) {
	switch {
	case c == NoConfidentiality:
		return f, true
	case where == obscured:
		f.Value = " [...]"
		return f, true
	case where == inside:
		return f, false
	case c == Baseline:
		return f, true
	}
	return shy(f)
}

// outsideOnly returns a field as an encrypted copy shows it that has no place in the payload.
func (c Confidentiality) outsideOnly(f mail.Field) (mail.Field, bool) {
	switch c {
	case NoConfidentiality, Baseline:
		return f, true
	}
	return shy(f)
}
