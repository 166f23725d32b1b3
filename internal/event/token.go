package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"sealmilter/internal/mail"
)

// tokenLength is that of a token without its tilde: 60 bits, so that two of a million addresses share one by a chance
// of less than one in a million.
const tokenLength = 12

var tokenText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Hider puts tokens in the place of addresses, logins, fingerprints and Message-IDs. The same one gives the same token
// as long as the secret is the same, whatever case it is written in, and without the secret nobody finds out what a
// token stands for by trying addresses. It is safe for concurrent use.
type Hider struct {
	secret []byte
	// domains says that the domain of an address stays readable.
	domains bool
}

// NewHider returns a hider. The secret is kept, and not to be changed. With domains, the domain of an address stays
// readable.
func NewHider(secret []byte, domains bool) *Hider { return &Hider{secret, domains} }

// Person returns the token of an address, a login or a local user.
func (h *Hider) Person(name string) string {
	if name == "" {
		return ""
	}
	local, domain := "", ""
	if a, err := mail.ParsePath(name); err == nil {
		local, domain = strings.ToLower(a.Local()), a.Domain()
	} else {
		local = strings.ToLower(name)
	}
	if domain == "" {
		return h.token("person", local)
	}
	token := h.token("person", local+"@"+domain)
	if h.domains {
		token += "@" + domain
	}
	return token
}

// Fingerprint returns the token of a certificate.
func (h *Hider) Fingerprint(fingerprint string) string {
	return h.token("key", strings.ToUpper(fingerprint))
}

// Identifier returns the token of a Message-ID.
func (h *Hider) Identifier(id string) string { return h.token("message", id) }

func (h *Hider) token(kind, value string) string {
	if value == "" {
		return ""
	}
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(kind + "\x00" + value))
	return "~" + strings.ToLower(tokenText.EncodeToString(mac.Sum(nil))[:tokenLength])
}
