package campaign

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

var (
	received    = regexp.MustCompile(`(?s)^Received: .*?\bid ([0-9A-Za-z]+)`)
	aMarker     = regexp.MustCompile(secret + `-[a-z]+[0-9]*-[0-9]{5}`)
	finalFailed = regexp.MustCompile(`(?mi)^Final-Recipient: *(?:rfc822|utf-8); *(\S+?)\r?$`)
	anyID       = regexp.MustCompile(`(?mi)^(?:In-Reply-To|Message-ID): *(<[^>]+@client\.example>)`)
)

// inspector opens what arrives as its reader would, with the real gpg, and enters it in the register.
type inspector struct {
	site     *site
	register *register
}

// take looks at one delivery.
func (i *inspector) take(ctx context.Context, d lab.Delivery) {
	a := arrival{to: d.To}
	if m := received.FindSubmatch(d.Data); m != nil {
		a.queueID = string(m[1])
	}
	if parsed, err := mail.ReadMessage(bytes.NewReader(d.Data)); err == nil {
		a.messageID = parsed.Header.Get("Message-Id")
	}
	opened, err := i.site.gpg.Open(ctx, d.Data)
	if err != nil {
		a.damaged = fmt.Sprintf("cannot be opened: %v", err)
		opened = &lab.Opened{Payload: d.Data}
	}
	switch {
	case strings.HasPrefix(d.To, "postmaster@") && !bytes.Contains(bytes.ToLower(d.Data), []byte(secret)):
		return // Postfix tells of a process that was killed
	case d.From == "":
		i.takeNotice(a, d, opened)
		return
	}
	a.marker = string(aMarker.Find(opened.Payload))
	rec := i.register.find(a.marker)
	switch {
	case rec == nil && a.damaged == "":
		a.damaged = "belongs to no letter"
	case rec != nil && !rec.whole(opened.Payload):
		a.damaged = "is not all of the letter"
	}
	a.wrong = i.wrong(rec, d, opened)
	i.register.arrived(a)
}

// wrong returns what must not be in a delivery, or that it must not be, "" if all is well.
func (i *inspector) wrong(rec *record, d lab.Delivery, opened *lab.Opened) string {
	shows := bytes.Contains(bytes.ToLower(d.Data), []byte(secret))
	reader, known := byAddress(i.site.people, d.To)
	switch {
	case !known:
		return "nobody knows the recipient"
	case len(d.Recipients) != 1:
		return fmt.Sprintf("one copy went to %q", d.Recipients)
	case reader.may == nothing:
		return "the recipient may get nothing"
	case reader.may == encrypted && (shows || !opened.Encrypted):
		return "it is in clear text"
	case reader.may == encrypted && (len(opened.Recipients) != 1 || !slices.Contains(i.site.keyIDs[d.To], opened.Recipients[0])):
		return fmt.Sprintf("its session keys are for %q", opened.Recipients)
	case !opened.Signed:
		return "it is not signed"
	}
	if rec == nil {
		return ""
	}
	if !slices.ContainsFunc(rec.to, func(r recipient) bool { return r.addr == d.To }) {
		return "the letter was not for this recipient"
	}
	for _, other := range rec.hidden() {
		if other.addr != d.To && (bytes.Contains(d.Data, []byte(other.addr)) || bytes.Contains(opened.Payload, []byte(other.addr))) {
			return "it tells of the hidden recipient " + other.addr
		}
	}
	return ""
}

// takeNotice reads a delivery status notification (RFC 3464).
func (i *inspector) takeNotice(a arrival, d lab.Delivery, opened *lab.Opened) {
	var n notice
	for _, m := range finalFailed.FindAllSubmatch(opened.Payload, -1) {
		n.failed = append(n.failed, strings.ToLower(string(m[1])))
	}
	for _, text := range [][]byte{opened.Payload, d.Data} {
		if m := anyID.FindSubmatch(text); m != nil && n.messageID == "" {
			n.messageID = string(m[1])
		}
	}
	switch shows := bytes.Contains(bytes.ToLower(d.Data), []byte(secret)) || bytes.Contains(bytes.ToLower(opened.Payload), []byte(secret)); {
	case shows:
		a.wrong = "a notice shows the text"
	case len(n.failed) == 0 || n.messageID == "":
		a.damaged = "is a notice that tells nothing"
	default:
		i.register.noticed(n)
		return
	}
	i.register.arrived(a)
}
