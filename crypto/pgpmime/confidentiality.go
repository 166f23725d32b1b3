package pgpmime

// Confidentiality is a header confidentiality policy (RFC 9788, section 3): what an encrypted copy shows of the header to
// everybody on its way.
type Confidentiality uint8

const (
	// Baseline hides the Subject behind "[...]", and Comments and Keywords (hcp_baseline, section 3.2.1).
	Baseline Confidentiality = iota
	// Shy hides display names and the time zone, too (hcp_shy, section 3.2.2).
	Shy
	// NoConfidentiality hides nothing (hcp_no_confidentiality, section 3.2.3).
	NoConfidentiality
)
