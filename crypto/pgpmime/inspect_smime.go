package pgpmime

import (
	"strings"

	"sealmilter/crypto/cms"
)

// claimsEnvelope reports whether the entity has a type by which S/MIME messages are found (RFC 8551, section 3.10).
func (e *entity) claimsEnvelope() bool {
	switch {
	case e.media.is("application", "pkcs7-mime"), e.media.is("application", "x-pkcs7-mime"):
		return true
	case e.media.is("application", "octet-stream"):
		disposition := parseParameters(e.header.Get("Content-Disposition"))
		return isEnvelopeName(e.media.get("name")) || isEnvelopeName(disposition.get("filename"))
	default:
		return false
	}
}

func isEnvelopeName(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".p7m") }

// enveloped reads the S/MIME message that the entity claims to be. A type that is none of an encrypted message would keep
// readers from opening it.
func (e *entity) enveloped() (*cms.Enveloped, error) {
	switch strings.ToLower(e.media.get("smime-type")) {
	case "", "enveloped-data", "authenveloped-data":
	default:
		return nil, errNotAlone
	}
	content, err := e.decode(maybeSequence)
	if err != nil {
		return nil, err
	}
	return cms.ReadEnveloped(content)
}
