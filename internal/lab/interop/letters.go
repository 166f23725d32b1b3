package interop

import (
	"fmt"
	"strings"
)

// signing makes the detached signature of an entity, in ASCII armor with CRLF.
type signing func(entity) (string, error)

// letters returns every letter of the tables. Some are signed already by somebody who is not their author.
func letters(sign signing) ([]letter, error) {
	signature, err := sign(signedBefore)
	if err != nil {
		return nil, err
	}
	return append(append(texts(), parts()...), machines(signature)...), nil
}

// texts are letters of one part.
func texts() []letter {
	long := strings.TrimSpace(strings.Repeat("meandering ", 60)) + " shorebird"
	return []letter{
		{name: "ASCII text", subject: "Plain quokka", content: plain("us-ascii", "7bit", "A quokka has no accents.\r\n"),
			texts: []string{"A quokka has no accents."}},
		{name: "UTF-8, 8bit", subject: "Eight wombats", content: plain("utf-8", "8bit", "Grüße vom Wombat, 狐 und ёж.\r\n"),
			texts: []string{"Grüße vom Wombat, 狐 und ёж."}},
		{name: "ISO-8859-1, quoted-printable", subject: "Quoted numbat",
			content: plain("iso-8859-1", "quoted-printable", "Gr\xfc\xdfe vom Numbat\r\n"), texts: []string{"Grüße vom Numbat"}},
		{name: "ISO-8859-1, 8bit", subject: "Raw bilby", content: plain("iso-8859-1", "8bit", "D\xe9j\xe0 vu un bilby\r\n"),
			texts: []string{"Déjà vu un bilby"}},
		{name: "KOI8-R, base64", subject: "Russian desman", content: plain("koi8-r", "base64", "\xf7\xd9\xc8\xd5\xc8\xcf\xcc\xd8\r\n"),
			texts: []string{"Выхухоль"}},
		{name: "ISO-2022-JP, 7bit", subject: "Japanese tanuki", content: plain("iso-2022-jp", "7bit", "\x1b$B$?$L$-\x1b(B\r\n"),
			texts: []string{"たぬき"}},
		{name: "a line of 1500 octets", subject: "Long shrew", content: plain("utf-8", "8bit", strings.Repeat("shrew ü ", 170)+"end of shrew\r\n"),
			texts: []string{"end of shrew"}},
		{name: "blanks at line ends, `From `, dots", subject: "Awkward gibbon",
			content: plain("us-ascii", "7bit", "From here to gibbon\r\n.\r\n..dots\r\nblanks  \t\r\n-- \r\nAlice\r\n"),
			texts:   []string{"From here to gibbon", "..dots", "-- "}},
		{name: "no text at all", subject: "Empty burrow", content: plain("us-ascii", "7bit", "")},
		{name: "Subject in encoded words", subject: "=?utf-8?B?R3LDvMOfZSBhdXMg?=\r\n =?utf-8?Q?K=C3=B6ln?= an =?iso-8859-1?Q?G=FCrteltier?=",
			reads: "Grüße aus Köln an Gürteltier", content: plain("us-ascii", "7bit", "The armadillo is in the Subject.\r\n"),
			texts: []string{"The armadillo is in the Subject."}},
		{name: "Subject of 670 octets", subject: strings.Replace(long, "meandering meandering ", "meandering meandering\r\n ", 1), reads: long,
			content: plain("us-ascii", "7bit", "A bird by the shore.\r\n"), texts: []string{"A bird by the shore."}},
		{name: "Subject in raw UTF-8", subject: "Rohe Möwe über Ærø", content: plain("utf-8", "8bit", "Eine Möwe.\r\n"),
			texts: []string{"Eine Möwe."}},
	}
}

// parts are letters of several parts.
func parts() []letter {
	html := entity("Content-Type: text/html; charset=utf-8\r\n") + encoded("8bit", "<p>Der <b>Käuzchen</b>ruf</p>\r\n")
	image := entity("Content-Type: image/png; name=dot.png\r\nContent-ID: <dot@example.org>\r\nContent-Disposition: inline; filename=dot.png\r\n") +
		encoded("base64", "\x89PNG\r\n\x1a\n\x00not quite")
	binary := strings.Repeat("\x00\xff\r\n\n\rlemming\x80", 400)
	deep := plain("us-ascii", "7bit", "Deep down lives a mole.\r\n")
	for i := range 12 {
		deep = multipart("mixed", fmt.Sprintf("level-%d", i), deep)
	}
	before := "From: carol@example.com\r\nTo: alice@example.org\r\nSubject: Fr=?utf-8?Q?=C3=BC?=her\r\nMIME-Version: 1.0\r\n"
	return []letter{
		{name: "text and HTML", subject: "Alternative owl", content: multipart("alternative", "either",
			plain("utf-8", "8bit", "Der Käuzchenruf\r\n"), html), texts: []string{"Der Käuzchenruf"}},
		{name: "text, HTML and an inline image", subject: "Related owlet", content: multipart("alternative", "either",
			plain("us-ascii", "7bit", "The owlet in words\r\n"), multipart("related; type=\"text/html\"", "with-image", html, image)),
			texts: []string{"The owlet in words"}},
		{name: "attachments, UTF-8 names", subject: "Attached lemming", content: multipart("mixed", "files",
			plain("us-ascii", "7bit", "Three lemmings follow.\r\n"),
			file("application/octet-stream", "filename=lemming.bin", binary),
			file("application/pdf", "filename*=utf-8''B%C3%BCro%E2%82%AC.pdf", "%PDF-1.4 not quite\r\n"),
			file("text/csv; charset=utf-8", "filename=\"=?utf-8?B?xYHDs2TFui5jc3Y=?=\"", "a;Łódź\n")),
			texts: []string{"Three lemmings follow."}, files: []string{"lemming.bin", "Büro€.pdf", "Łódź.csv"}},
		{name: "only an attachment", subject: "Lonely pangolin", content: file("application/pdf; name=pangolin.pdf", "filename=pangolin.pdf", binary),
			files: []string{"pangolin.pdf"}},
		{name: "forwarded 8bit message", subject: "Forwarded ibis", content: multipart("mixed", "and-before",
			plain("us-ascii", "7bit", "See the ibis below.\r\n"), forwarded(before+string(plain("utf-8", "8bit", "Ein Ibis an der Küste\r\n")))),
			texts: []string{"See the ibis below.", "Ein Ibis an der Küste"}},
		{name: "12 levels of multiparts", subject: "Deep mole", content: deep, texts: []string{"Deep down lives a mole."}},
	}
}

// signedBefore is what somebody else has signed with OpenPGP.
const signedBefore entity = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Signed before by a f=C3=B6x=20\r\n"

// machines are letters that somebody has signed already, or that a program wrote or will read. The S/MIME signature is none:
// what matters is that nothing under it changes.
func machines(signature string) []letter {
	pgp := multipart("signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"", "by-carol", signedBefore,
		entity("Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n"+signature))
	smime := multipart("signed; micalg=sha-256; protocol=\"application/pkcs7-signature\"", "by-smime",
		"Content-Type: text/plain; charset=us-ascii\r\n\r\nSigned before by a lynx\r\n",
		file("application/pkcs7-signature; name=smime.p7s", "filename=smime.p7s", strings.Repeat("0\x82no CMS", 90)))
	const calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//lab//EN\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:42@example.net\r\n" +
		"DTSTAMP:20260302T090000Z\r\nDTSTART:20260303T090000Z\r\nSUMMARY:Dodo über alles\r\nORGANIZER:mailto:bob@example.net\r\n" +
		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	return []letter{
		{name: "signed before, PGP/MIME", subject: "Signed fox", content: pgp, texts: []string{"Signed before by a föx"},
			intact: string(signedBefore), inner: true},
		{name: "signed before, S/MIME", subject: "Signed lynx", content: smime, texts: []string{"Signed before by a lynx"}, files: []string{"smime.p7s"},
			intact: "Content-Type: text/plain; charset=us-ascii\r\n\r\nSigned before by a lynx\r\n"},
		{name: "forwarded message signed before", subject: "Carried stoat", content: multipart("mixed", "with-signed",
			plain("us-ascii", "7bit", "A stoat carries it.\r\n"),
			forwarded("From: carol@example.com\r\nSubject: before\r\nMIME-Version: 1.0\r\n"+string(pgp))),
			texts: []string{"A stoat carries it.", "Signed before by a föx"}, intact: string(signedBefore), inner: true},
		{name: "calendar reply (iTIP)", subject: "Accepted: dodo", content: entity("Content-Type: text/calendar; method=REPLY; charset=utf-8\r\n") +
			encoded("8bit", calendar)},
		{name: "read receipt (MDN)", subject: "Read: gnu", content: multipart("report; report-type=disposition-notification", "receipt",
			plain("us-ascii", "7bit", "The gnu was displayed.\r\n"),
			"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;alice@example.org\r\n"+
				"Original-Message-ID: <gnu@example.net>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n"),
			texts: []string{"The gnu was displayed."}},
		{name: "mailing list", subject: "[zoo] Listed okapi", fields: "List-Id: The zoo <zoo.example.org>\r\nList-Post: <mailto:zoo@example.org>\r\n" +
			"Precedence: list\r\n", content: multipart("mixed", "footer", plain("us-ascii", "7bit", "An okapi is listed.\r\n"),
			plain("utf-8", "8bit", "_____\r\nZoo für alle\r\n")), texts: []string{"An okapi is listed.", "Zoo für alle"}},
	}
}
