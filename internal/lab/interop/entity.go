package interop

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

// entity is a MIME entity as it stands in a message: fields, an empty line and a body, with CRLF.
type entity string

// plain is a text of a charset. The body is in the octets of the charset.
func plain(charset, encoding, body string) entity {
	return entity(fmt.Sprintf("Content-Type: text/plain; charset=%s\r\n", charset)) + encoded(encoding, body)
}

// encoded ends the fields of an entity with its transfer encoding (RFC 2045, section 6), and adds the body in it.
func encoded(encoding, body string) entity {
	fields := "Content-Transfer-Encoding: " + encoding + "\r\n\r\n"
	switch encoding {
	case "base64":
		body = inBase64(body)
	case "quoted-printable":
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Write([]byte(body)) // a strings.Builder takes everything
		w.Close()
		body = b.String()
	}
	return entity(fields + body)
}

func inBase64(body string) string {
	const width = 76
	var b strings.Builder
	for text := base64.StdEncoding.EncodeToString([]byte(body)); text != ""; {
		n := min(width, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return b.String()
}

// multipart puts parts together. The type is what follows "multipart/", with parameters if it has any.
func multipart(typ, boundary string, parts ...entity) entity {
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\n", typ, boundary)
	for _, part := range parts {
		b.WriteString("--" + boundary + "\r\n" + string(part) + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return entity(b.String())
}

// file is an attachment. The fields of its name are the caller's: there are several ways to write one.
func file(typ, disposition, content string) entity {
	return entity("Content-Type: "+typ+"\r\nContent-Disposition: attachment; "+disposition+"\r\n") + encoded("base64", content)
}

// forwarded is a message in a message.
func forwarded(message string) entity {
	return entity("Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n" + message)
}
