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
type Body interface {
	io.WriterTo
	// Size returns the number of octets that WriteTo writes.
	Size() int64
}

// sections is a body in pieces that are written one after the other.
type sections []Body

// Size returns the size of all sections.
func (s sections) Size() (n int64) {
	for _, section := range s {
		n += section.Size()
	}
	return n
}

// WriteTo writes all sections.
func (s sections) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, section := range s {
		n, err := section.WriteTo(w)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// octets is a section in memory. Unlike a bytes.Reader it can be written again.
type octets []byte

// WriteTo writes the octets.
func (o octets) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(o)
	return int64(n), err
}

// Size returns their number.
func (o octets) Size() int64 { return int64(len(o)) }

// boundary draws a boundary (RFC 2046, section 5.1.1). Its "=_" is in no quoted-printable or base64 body, nor in
// armor; that it is in the payload all the same would need a broken source of randomness.
func (c *Composer) boundary(payload crypto.Payload) (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.Rand, random[:]); err != nil {
		return "", fmt.Errorf("draw a boundary: %w", err)
	}
	boundary := "=_" + hex.EncodeToString(random[:])
	if contains(payload, []byte(boundary)) {
		return "", errors.New("draw a boundary: it occurs in the message")
	}
	return boundary, nil
}

// contains reports whether the text is in the payload, be it across its pieces.
func contains(payload crypto.Payload, text []byte) bool {
	var end []byte // of what came before, too short for the text
	for _, piece := range payload {
		seam := append(end, piece[:min(len(piece), len(text)-1)]...)
		if bytes.Contains(seam, text) || bytes.Contains(piece, text) {
			return true
		}
		if len(piece) < len(text)-1 {
			piece = seam
		}
		end = bytes.Clone(piece[max(0, len(piece)-len(text)+1):])
	}
	return false
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

// signedBody puts payload and signature together. The CRLF before a delimiter is not signed.
func signedBody(boundary string, payload crypto.Payload, signature []byte) Body {
	body := sections{octets("--" + boundary + "\r\n")}
	for _, piece := range payload {
		body = append(body, octets(piece))
	}
	return append(body,
		octets("\r\n--"+boundary+"\r\n"+
			"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n"+
			"Content-Description: OpenPGP digital signature\r\n"+
			"Content-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n"),
		octets(signature),
		octets("\r\n--"+boundary+"--\r\n"),
	)
}

// encryptedFields are those of RFC 3156, section 4.
func encryptedFields(boundary string) mail.Header {
	return containerFields(" multipart/encrypted;\r\n" +
		" protocol=\"application/pgp-encrypted\";\r\n boundary=\"" + boundary + "\"")
}

// encryptedBody puts the two parts of RFC 3156, section 4, together. There is no preamble: rspamd takes a message
// with one for a fake.
func encryptedBody(boundary string, armored Body) Body {
	return sections{
		octets("--" + boundary + "\r\n" +
			"Content-Type: application/pgp-encrypted\r\n" +
			"Content-Description: PGP/MIME version identification\r\n\r\n" +
			"Version: 1\r\n" +
			"\r\n--" + boundary + "\r\n" +
			"Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n" +
			"Content-Description: OpenPGP encrypted message\r\n" +
			"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"),
		armored,
		octets("\r\n--" + boundary + "--\r\n"),
	}
}
