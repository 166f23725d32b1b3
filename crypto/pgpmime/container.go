package pgpmime

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// Body is a body whose size is known before it is written.
type Body = crypto.Piece

// boundary draws a boundary (RFC 2046, section 5.1.1). Its "=_" is in no quoted-printable or base64 body, nor in
// armor; that it is in the payload all the same would need a broken source of randomness. More is looked for on the way.
func (c *Composer) boundary(payload crypto.Payload, more ...*search) (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.Rand, random[:]); err != nil {
		return "", fmt.Errorf("draw a boundary: %w", err)
	}
	boundary := "=_" + hex.EncodeToString(random[:])
	occurs := search{text: []byte(boundary)}
	if _, err := payload.WriteTo(searches(append(more, &occurs))); err != nil {
		return "", fmt.Errorf("look for the boundary in the message: %w", err)
	}
	if occurs.found {
		return "", errors.New("draw a boundary: it occurs in the message")
	}
	return boundary, nil
}

// search looks for a text of at least two octets in what is written to it, be it across several writes.
type search struct {
	text  []byte
	end   []byte // of what came before, too short for the text
	found bool
}

// Write takes all of b.
func (s *search) Write(b []byte) (int, error) {
	keep := len(s.text) - 1
	seam := append(s.end, b[:min(len(b), keep)]...)
	s.found = s.found || bytes.Contains(seam, s.text) || bytes.Contains(b, s.text)
	last := b
	if len(b) < keep {
		last = seam
	}
	s.end = append(seam[:0], last[max(0, len(last)-keep):]...)
	return len(b), nil
}

// searches look for several texts in what is written to them.
type searches []*search

// Write takes all of b.
func (all searches) Write(b []byte) (int, error) {
	for _, s := range all {
		s.Write(b) // never fails
	}
	return len(b), nil
}

// containerFields are the MIME fields outside. The encoding is named: Postfix would encode the body again for a hop
// without 8BITMIME if an 8bit from before the change were left there.
func containerFields(contentType string) mail.Header {
	return mail.Header{
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: contentType},
		{Name: "Content-Transfer-Encoding", Value: " 7bit"},
	}
}

// signedFields are those of RFC 3156, section 5.
func signedFields(boundary, micalg string) mail.Header {
	return containerFields(" multipart/signed; micalg=" + micalg + ";\r\n" +
		" protocol=\"application/pgp-signature\";\r\n boundary=\"" + boundary + "\"")
}

// signedBody puts payload and signature together. The CRLF before a delimiter is not signed. Dotted says that a line of the
// payload begins with a dot.
func signedBody(boundary string, payload crypto.Payload, signature []byte, dotted bool) Body {
	body := crypto.Payload{
		crypto.Octets("--" + boundary + "\r\n"),
		payload,
		crypto.Octets("\r\n--" + boundary + "\r\n" +
			"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n" +
			"Content-Description: OpenPGP digital signature\r\n" +
			"Content-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n"),
		crypto.Octets(signature),
		crypto.Octets("\r\n--" + boundary + "--\r\n"),
	}
	if dotted {
		return body
	}
	return undotted{body}
}

// encryptedFields are those of RFC 3156, section 4.
func encryptedFields(boundary string) mail.Header {
	return containerFields(" multipart/encrypted;\r\n" +
		" protocol=\"application/pgp-encrypted\";\r\n boundary=\"" + boundary + "\"")
}

// undotted is a body that goes through SMTP as it is.
type undotted struct{ Body }

// Verbatim reports that DATA may have the body octet for octet: each line ends in CRLF, the last one, too, and none
// begins with a dot (RFC 5321, section 4.5.2).
func (undotted) Verbatim() bool { return true }

// encryptedBody is the two parts of RFC 3156, section 4. What stands around the armor is put together when it is
// written: there are as many bodies at the same time as a message has recipients.
type encryptedBody struct {
	boundary string
	armored  Body
}

// pieces has no preamble: rspamd takes a message with one for a fake.
func (b encryptedBody) pieces() crypto.Payload {
	return crypto.Payload{
		crypto.Octets("--" + b.boundary + "\r\n" +
			"Content-Type: application/pgp-encrypted\r\n" +
			"Content-Description: PGP/MIME version identification\r\n\r\n" +
			"Version: 1\r\n" +
			"\r\n--" + b.boundary + "\r\n" +
			"Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n" +
			"Content-Description: OpenPGP encrypted message\r\n" +
			"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"),
		b.armored,
		crypto.Octets("\r\n--" + b.boundary + "--\r\n"),
	}
}

// Size is in octets.
func (b encryptedBody) Size() int64 { return b.pieces().Size() }

// WriteTo writes both parts.
func (b encryptedBody) WriteTo(w io.Writer) (int64, error) { return b.pieces().WriteTo(w) }
