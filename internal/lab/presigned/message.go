package presigned

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// Message is one that came signed.
type Message struct {
	Name string
	// Octets are header and body, with CRLF.
	Octets []byte

	author *Author
	signed []byte // what the signature covers, as the program that verifies it returns it
}

// The texts that are signed have what a careless relay or composer would change: blanks at the ends of lines, lines that
// begin with "From ", dots and dashes, an empty line at the end.
const (
	asciiText = "Dear Bob,\r\n\r\nFrom now on everything is signed.\r\nThis line ends in blanks.  \r\n.\r\n..\r\n" +
		"- a list\r\n--- cut here ---\r\n\tand a tab at the end\t\r\n-- \r\nAlice\r\n\r\n"
	utf8Text = "Lieber Bob,\r\n\r\nab jetzt ist alles unterschrieben, auch das Zubehör für 5 €.  \r\n" +
		"From now on.\r\n- Stück für Stück\r\n-- \r\nÄlice\r\n\r\n"
)

const (
	asciiPart = "Content-Type: text/plain; charset=us-ascii; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + asciiText
	utf8Part  = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject: Zubehör \r\n\r\n" + utf8Text
)

// Messages returns one message for each way in which clients sign and pass on what is signed.
func (a *Author) Messages(ctx context.Context) ([]Message, error) {
	var all []Message
	for _, entity := range []struct {
		name string
		make func(ctx context.Context, text string) (entity, signed []byte, err error)
	}{
		{"PGP-MIME", a.pgpMIME},
		{"cleartext", a.cleartext},
		{"SMIME detached", a.smimeDetached},
		{"SMIME opaque", a.smimeOpaque},
		{"CMS detached", a.cmsDetached},
		{"CMS opaque", a.cmsOpaque},
	} {
		for _, part := range []struct{ name, text string }{{"ASCII", asciiPart}, {"8bit", utf8Part}} {
			octets, signed, err := entity.make(ctx, part.text)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", entity.name, part.name, err)
			}
			for _, place := range places {
				all = append(all, Message{
					Name: entity.name + " " + part.name + " " + place.name, Octets: place.wrap(octets), author: a, signed: signed,
				})
			}
		}
	}
	return all, nil
}

const header = "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: Signed by the client\r\n" +
	"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <presigned@client.example>\r\nMIME-Version: 1.0\r\n"

// places are where in a message the signed entity stands.
var places = []struct {
	name string
	wrap func(entity []byte) []byte
}{
	{"alone", func(entity []byte) []byte { return []byte(header + string(entity)) }},
	{"in a multipart", func(entity []byte) []byte { return mixed(string(entity)) }},
	{"forwarded", func(entity []byte) []byte {
		return mixed("Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"signed.eml\"\r\n\r\n" +
			"From: Alice <alice@example.org>\r\nSubject: =?utf-8?Q?Zubeh=C3=B6r?= \r\nMIME-Version: 1.0\r\n" + string(entity))
	}},
}

// mixed puts an entity beside others that have to be encoded, as the footer of a mailing list stands beside a message.
func mixed(entity string) []byte {
	return []byte(header + "Content-Type: multipart/mixed; boundary=\"around\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		"--around\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe \r\n" +
		"--around\r\n" + entity + "\r\n" +
		"--around\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfe \r\n--around--\r\n")
}

// pgpMIME makes a multipart/signed (RFC 3156, section 5).
func (a *Author) pgpMIME(ctx context.Context, part string) (entity, signed []byte, err error) {
	signature, err := a.gpg.Run(ctx, []byte(part), "--armor", "--detach-sign", "--digest-algo", "SHA256")
	if err != nil {
		return nil, nil, err
	}
	return crlf("Content-Type: multipart/signed; micalg=pgp-sha256;\r\n\tprotocol=\"application/pgp-signature\"; boundary=\"of the client\"\r\n\r\n" +
		"This is an OpenPGP/MIME signed message (RFC 4880 and 3156)\r\n--of the client\r\n" + part + "\r\n--of the client\r\n" +
		"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n" + string(signature) + "\r\n--of the client--\r\n"), []byte(part), nil
}

// cleartext signs the text of a part with the cleartext signature framework (RFC 9580, section 7).
func (a *Author) cleartext(ctx context.Context, part string) (entity, signed []byte, err error) {
	head, text, _ := strings.Cut(part, "\r\n\r\n")
	out, err := a.gpg.Run(ctx, []byte(text), "--clearsign", "--digest-algo", "SHA256")
	if err != nil {
		return nil, nil, err
	}
	return crlf(head + "\r\n\r\n" + string(out)), withoutBlanks([]byte(text)), nil
}

func (a *Author) smimeDetached(ctx context.Context, part string) (entity, signed []byte, err error) {
	return a.smime(ctx, part, "smime")
}

func (a *Author) smimeOpaque(ctx context.Context, part string) (entity, signed []byte, err error) {
	return a.smime(ctx, part, "smime", "-nodetach")
}

func (a *Author) cmsDetached(ctx context.Context, part string) (entity, signed []byte, err error) {
	return a.smime(ctx, part, "cms", "-keyid")
}

func (a *Author) cmsOpaque(ctx context.Context, part string) (entity, signed []byte, err error) {
	return a.smime(ctx, part, "cms", "-nodetach", "-stream")
}

// smime makes a multipart/signed or an application/pkcs7-mime (RFC 8551, section 3.5).
func (a *Author) smime(ctx context.Context, part string, args ...string) (entity, signed []byte, err error) {
	out, err := a.openssl(ctx, []byte(part), a.signing(args...)...)
	if err != nil {
		return nil, nil, err
	}
	_, out, _ = bytes.Cut(out, []byte("MIME-Version: 1.0\n")) // the message has one
	return crlf(string(out)), []byte(part), nil
}

// crlf has every line end in CRLF.
func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n"))
}

// withoutBlanks is what a cleartext signature covers of a text: not the blanks at the ends of lines, and not the last line
// end (RFC 9580, section 7.1).
func withoutBlanks(text []byte) []byte {
	lines := bytes.Split(text, []byte("\r\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimRight(line, " \t")
	}
	return bytes.Join(lines, []byte("\r\n"))
}
