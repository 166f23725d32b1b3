package gate

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"

	"sealmilter/internal/mail"
)

// report is a delivery status notification (RFC 3464). Of the message it shows what is needed to recognise it: neither
// Subject nor body, for they were to travel encrypted or not at all, whatever RET asks for.
type report struct {
	about    *mail.Message
	to       mail.Addr
	failed   []undelivered
	at       time.Time
	id       string // its own Message-ID
	boundary string
	// terse leaves out why the recipients were refused.
	terse bool
}

// author is in the From field.
func (r report) author() mail.Addr {
	postmaster, _ := mail.ParsePath("postmaster") // which is one
	if full, err := postmaster.At(hostOf(r.to)); err == nil {
		return full
	}
	return postmaster
}

// compose returns header and body. The body has seven bits: an MTA that had to convert it for its next hop would break a
// DKIM signature (RFC 6376, section 5.3).
func (r report) compose() (mail.Header, octets) {
	headers, headersType := r.headers(), "text/rfc822-headers"
	if octets(headers).eightBit() {
		headersType = "message/global-headers" // RFC 6533, section 5
	}
	var body octets
	for _, part := range []struct{ contentType, content string }{
		{"text/plain; charset=utf-8", r.text()},
		{"message/delivery-status", r.status()},
		{headersType, headers},
	} {
		encoding, content := sevenBit(part.content)
		body = fmt.Appendf(body, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n", r.boundary,
			part.contentType, encoding, content)
	}
	body = fmt.Appendf(body, "--%s--\r\n", r.boundary)
	header := mail.Header{
		{Name: "From", Value: " Mail encryption service <" + r.author().String() + ">"},
		{Name: "To", Value: " " + r.to.String()},
		{Name: "Subject", Value: " Undelivered: recipients to whom your message was not sent"},
		{Name: "Date", Value: " " + r.at.Format(time.RFC1123Z)},
		{Name: "Message-ID", Value: " " + r.id},
		{Name: "Auto-Submitted", Value: " auto-replied"}, // RFC 3834, section 5: no program answers
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: " multipart/report; report-type=delivery-status;\r\n\tboundary=\"" + r.boundary + "\""},
	}
	if about := r.about.Header.Get("Message-ID"); about != "" {
		header = append(header, mail.Field{Name: "In-Reply-To", Value: " " + about})
	}
	return header, body
}

// sevenBit names a transfer encoding, and returns the text in it (RFC 2045, section 6).
func sevenBit(text string) (encoding string, encoded []byte) {
	if !octets(text).eightBit() {
		return "7bit", []byte(text)
	}
	var b bytes.Buffer // takes everything
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return "quoted-printable", b.Bytes()
}

// text is the part for people.
func (r report) text() string {
	var b strings.Builder
	b.WriteString("Your message was not sent to these recipients:\r\n\r\n")
	for _, f := range r.failed {
		why := f.failure.Text
		if r.terse {
			why = fmt.Sprintf("%d %s", f.failure.Code, f.failure.Enhanced)
		}
		fmt.Fprintf(&b, "  %s\r\n    %s\r\n\r\n", f.to.Addr, strings.ReplaceAll(why, "\n", "\r\n    "))
	}
	b.WriteString("The text of the message is not quoted here.\r\n")
	if r.terse {
		b.WriteString("The reasons are not told here, because this notice could not be encrypted to you. The postmaster can\r\n" +
			"find them in the log. If you give the postmaster your OpenPGP certificate, later notices will have them.\r\n")
	}
	return b.String()
}

// status is the part for programs. The order of the fields is that of RFC 3464, sections 2.2 and 2.3.
func (r report) status() string {
	var b bytes.Buffer
	env := r.about.Envelope
	line := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, printable(value)) }
	if value, ok := mail.Arg(env.Args, "ENVID"); ok {
		line("Original-Envelope-Id", fromXtext(value))
	}
	host := env.Host
	if host == "" {
		host = hostOf(r.to)
	}
	line("Reporting-MTA", "dns; "+host)
	line("Arrival-Date", r.at.Format(time.RFC1123Z))
	if env.QueueID != "" {
		line("X-Queue-ID", env.QueueID)
	}
	for _, f := range r.failed {
		b.WriteString("\r\n")
		if value, ok := mail.Arg(f.to.Args, "ORCPT"); ok {
			kind, address, _ := strings.Cut(value, ";")
			line("Original-Recipient", kind+"; "+fromXtext(address))
		}
		kind := "rfc822"
		if !f.to.Addr.IsASCII() {
			kind = "utf-8" // RFC 6533, section 3
		}
		line("Final-Recipient", kind+"; "+f.to.Addr.String())
		line("Action", "failed")
		line("Status", f.failure.Enhanced)
		if r.terse {
			continue
		}
		line("Diagnostic-Code", fmt.Sprintf("smtp; %d %s %s", f.failure.Code, f.failure.Enhanced,
			strings.ReplaceAll(f.failure.Text, "\n", " ")))
	}
	return b.String()
}

// headers is what the message is recognised by.
func (r report) headers() string {
	var shown mail.Header
	for _, name := range []string{"From", "Date", "Message-ID"} {
		shown = append(shown, r.about.Header.All(name)...)
	}
	return string(shown.AppendTo(nil))
}

// fromXtext decodes xtext (RFC 3461, section 4). Text that is none, such as an address in UTF-8, stays as it is.
func fromXtext(s string) string {
	if text, ok := mail.DecodeXtext(s); ok {
		return text
	}
	return s
}

// printable writes whatever is not ASCII in the way of RFC 6533, section 3 (utf-8-addr-xtext), for a part that must have
// seven bits.
func printable(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < ' ' || c == 0x7f || c >= utf8.RuneSelf {
			fmt.Fprintf(&b, `\x{%X}`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func hostOf(a mail.Addr) string {
	if a.Domain() == "" || a.IsLiteral() {
		return "localhost"
	}
	return a.Domain()
}
