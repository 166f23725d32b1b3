package pgpmime

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// isLayer reports whether the entity in its canonical form is itself a cryptographic layer (RFC 9787, section 4).
func (e *entity) isLayer() bool {
	return e.rendering != wrapped && (e.isSealed() || e.media.is("application", "pkcs7-mime") || e.media.is("application", "x-pkcs7-mime"))
}

// contained puts a content that is signed or encrypted already into a multipart/mixed, of which it is the only part. Readers
// take layers that stand directly in each other for one envelope, and what is in the innermost for its payload (RFC 9787,
// section 4.4): they would look for the protected header there, where only its author could have put it, and would show
// "[...]" for the Subject. Any other content comes back as it is.
func (c content) contained() (content, error) {
	if !c.layer {
		return c, nil
	}
	message := c.message()
	sum := sha256.New()
	if _, err := message.WriteTo(sum); err != nil {
		return content{}, fmt.Errorf("choose a boundary: %w", err)
	}
	// No message has its own hash in it, and no encoding has "=-".
	boundary := "=-" + hex.EncodeToString(sum.Sum(nil)[:16])
	return content{
		fields: mail.Header{{Name: "Content-Type", Value: " multipart/mixed; boundary=\"" + boundary + "\""}},
		body: crypto.Payload{
			crypto.Octets("--" + boundary + "\r\n"),
			message,
			crypto.Octets("\r\n--" + boundary + "--\r\n"),
		},
	}, nil
}
