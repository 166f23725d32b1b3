package interop

import (
	"fmt"
	"strings"
)

// letter is a message as its author's client submits it, with what its readers must see of it. Its Subject and texts hold
// nothing that another letter has.
type letter struct {
	// name is that of the row.
	name string
	// subject is the value of the field, and reads what it says. Without one it says what it is.
	subject, reads string
	// fields are further ones, each with its CRLF.
	fields string
	// content begins with its own Content-* fields.
	content entity
	// texts are what a client shows, one line each, and files the names of attachments.
	texts, files []string
	// intact is what must not change by an octet: that is signed already.
	intact string
	// inner tells that the payload is signed with OpenPGP by somebody else.
	inner bool
}

// The addresses of the author, of the recipient whom the header names, and of the one whom it does not.
const (
	alice = "alice@example.org"
	bob   = "bob@example.net"
	eve   = "eve@example.com"
)

// authorName is the name beside the author's address.
const authorName = "Alice Author"

// shown is the Subject as readers must see it.
func (l letter) shown() string {
	if l.reads != "" {
		return l.reads
	}
	return l.subject
}

// message returns the octets that the author's client submits.
func (l letter) message(id string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s <%s>\r\nTo: Bob Reader <%s>\r\nSubject: %s\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s>\r\n",
		authorName, alice, bob, l.subject, id)
	b.WriteString(l.fields + "MIME-Version: 1.0\r\n" + string(l.content))
	return []byte(b.String())
}
