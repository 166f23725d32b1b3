package presigned

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"strings"
)

// Verify looks for the signature in the octets that a reader has found, with its own plain reading of MIME, and has the
// program that made it verify them. What that program says was signed must be what the author has signed. It finds its way
// through multiparts and forwarded messages; a signature of a gateway around is skipped.
func (m Message) Verify(ctx context.Context, entity []byte) error {
	found, err := signedEntities(entity)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d signed entities instead of one", len(found))
	}
	signed, err := m.author.verify(ctx, found[0])
	if err != nil {
		return err
	}
	if !bytes.Equal(signed, m.signed) {
		return fmt.Errorf("signed is\n%q\nnot\n%q", signed, m.signed)
	}
	return nil
}

const cleartextBegin = "-----BEGIN PGP SIGNED MESSAGE-----"

// entity is a MIME entity as it was cut out.
type entity struct {
	raw       []byte
	mediaType string
	params    map[string]string
	decoded   []byte // the body without its transfer encoding
}

func read(raw []byte) (entity, error) {
	header, body := mail.Header{}, bodyOf(raw)
	if !bytes.HasPrefix(raw, []byte("\r\n")) {
		parsed, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			return entity{}, fmt.Errorf("read %.60q: %w", raw, err)
		}
		header = parsed.Header
	}
	e := entity{raw: raw, mediaType: "text/plain", decoded: body}
	var err error
	if value := header.Get("Content-Type"); value != "" {
		if e.mediaType, e.params, err = mime.ParseMediaType(value); err != nil {
			return entity{}, err
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		e.decoded, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	case "base64":
		e.decoded, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	}
	return e, err
}

// signedEntities returns the signed entities of a message, those in signed entities left out.
func signedEntities(raw []byte) (found []entity, err error) {
	e, err := read(raw)
	if err != nil {
		return nil, err
	}
	switch kind, _, _ := strings.Cut(e.mediaType, "/"); {
	case e.mediaType == "multipart/signed", strings.HasSuffix(e.mediaType, "pkcs7-mime"),
		e.mediaType == "text/plain" && bytes.HasPrefix(e.decoded, []byte(cleartextBegin)):
		return []entity{e}, nil
	case kind == "message":
		return signedEntities(e.decoded)
	case kind == "multipart":
		parts, err := split(raw, e.params["boundary"])
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			in, err := signedEntities(part)
			if err != nil {
				return nil, err
			}
			found = append(found, in...)
		}
	}
	return found, nil
}

// bodyOf returns what follows the header.
func bodyOf(raw []byte) []byte {
	if body, headless := bytes.CutPrefix(raw, []byte("\r\n")); headless {
		return body
	}
	_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return body
}

// split cuts a multipart whose delimiters have no padding, as those of the clients and of sealmilter.
func split(raw []byte, boundary string) ([][]byte, error) {
	parts := bytes.Split(append([]byte("\r\n"), bodyOf(raw)...), []byte("\r\n--"+boundary))
	last := len(parts) - 1
	if last < 1 || !bytes.HasPrefix(parts[last], []byte("--")) {
		return nil, fmt.Errorf("%d parts, and no end, with the boundary %q", last, boundary)
	}
	parts = parts[1:last]
	for i, part := range parts {
		var found bool
		if parts[i], found = bytes.CutPrefix(part, []byte("\r\n")); !found {
			return nil, fmt.Errorf("more behind the delimiter of part %d", i+1)
		}
	}
	return parts, nil
}

// verify returns what a signed entity says that the author has signed.
func (a *Author) verify(ctx context.Context, e entity) ([]byte, error) {
	switch {
	case e.mediaType == "text/plain":
		return a.gpg.Run(ctx, e.decoded, "--decrypt")
	case e.params["protocol"] == "application/pgp-signature":
		opened, err := a.gpg.Open(ctx, e.raw)
		if err != nil {
			return nil, err
		}
		return opened.Payload, nil
	}
	file := a.path("signed.eml")
	if err := os.WriteFile(file, e.raw, 0o600); err != nil {
		return nil, err
	}
	var failures []error
	for _, command := range []string{"smime", "cms"} {
		out, err := a.openssl(ctx, nil, command, "-verify", "-in", file, "-CAfile", a.path("certificate.pem"))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		return out, nil
	}
	return nil, errors.Join(failures...)
}
