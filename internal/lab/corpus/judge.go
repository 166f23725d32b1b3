package corpus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hashNames are the numbers of RFC 9580, section 9.5, and how multipart/signed names them.
var hashNames = map[string]string{"8": "pgp-sha256", "9": "pgp-sha384", "10": "pgp-sha512"}

// judge says what is wrong with a letter whose copies were opened.
func (r *run) judge(l *letter) []string {
	var faults []string
	for _, c := range l.copies {
		for _, fault := range r.judgeCopy(l, c) {
			faults = append(faults, fmt.Sprintf("%s, %s: %s", l.name, c.kind, fault))
		}
	}
	return faults
}

func (r *run) judgeCopy(l *letter, c madeCopy) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	o := c.opened
	switch {
	case o.err != nil:
		fault("%v", o.err)
		return faults
	case !o.good || o.signer != r.people.author.Fingerprint():
		fault("gpg does not call the signature good")
	}
	typ, payload := "multipart/encrypted", o.payload
	if c.kind == "signed" {
		typ, payload = "multipart/signed", c.sealed.parts[0]
	}
	c.sealed, faults = reopen(c.text, typ, faults)
	faults = append(faults, prefixed("outside, ", lineFaults(c.sealed.header, c.sealed.root.addressLines(), c.sealed.root.addressLines()))...)
	for _, name := range []string{"Bcc", "Resent-Bcc", "User-Agent", "X-Mailer", "Return-Path", "DKIM-Signature"} {
		if c.sealed.root.get(name) != "" {
			fault("%s is outside", name)
		}
	}
	if c.kind == "signed" {
		faults = append(faults, judgeSigned(c, o)...)
	} else {
		faults = append(faults, r.judgeEncrypted(l, c, o)...)
	}
	return append(faults, judgePayload(l, c, payload)...)
}

func reopen(text []byte, typ string, faults []string) (container, []string) {
	c, more := openContainer(text, typ)
	return c, append(faults, more...)
}

func judgeSigned(c madeCopy, o opened) []string {
	var faults []string
	contentType := c.sealed.root.get("Content-Type")
	if v := contentParameter(contentType, "protocol"); v != "application/pgp-signature" {
		faults = append(faults, fmt.Sprintf("the protocol is %q", v))
	}
	if v := contentParameter(contentType, "micalg"); v == "" || v != hashNames[o.hash] {
		faults = append(faults, fmt.Sprintf("micalg is %q, but the hash is number %s", v, o.hash))
	}
	part := readEntity(c.sealed.parts[1])
	if part.mediaType() != "application/pgp-signature" || !strings.HasPrefix(string(part.content()), "-----BEGIN PGP SIGNATURE-----\r\n") {
		faults = append(faults, "the second part is no armored signature")
	}
	return faults
}

func (r *run) judgeEncrypted(l *letter, c madeCopy, o opened) []string {
	var faults []string
	if v := contentParameter(c.sealed.root.get("Content-Type"), "protocol"); v != "application/pgp-encrypted" {
		faults = append(faults, fmt.Sprintf("the protocol is %q", v))
	}
	control, data := readEntity(c.sealed.parts[0]), readEntity(c.sealed.parts[1])
	if control.mediaType() != "application/pgp-encrypted" || strings.TrimRight(string(control.content()), "\r\n") != "Version: 1" {
		faults = append(faults, "the first part does not say Version: 1")
	}
	if data.mediaType() != "application/octet-stream" || !strings.HasPrefix(string(data.content()), "-----BEGIN PGP MESSAGE-----\r\n") {
		faults = append(faults, "the second part is no armored message")
	}
	if !o.decrypted {
		faults = append(faults, "gpg did not decrypt it")
	}
	if !o.whole {
		faults = append(faults, "the message is not protected against changes")
	}
	reader := r.people.visible.Cert()
	if c.kind == "hidden" {
		reader = r.people.hidden.Cert()
	}
	if len(o.readers) == 0 {
		faults = append(faults, "gpg names no reader")
	}
	for _, keyID := range o.readers {
		if id, err := strconv.ParseUint(keyID, 16, 64); err != nil || !reader.HasKeyID(id) {
			faults = append(faults, fmt.Sprintf("it is encrypted to %s, which is not its reader's key", keyID))
		}
	}
	return append(faults, checkHidden(l.secrets, c.sealed, r.everywhere)...)
}

// judgePayload compares what a reader sees with what was sent.
func judgePayload(l *letter, c madeCopy, payload []byte) []string {
	got := readEntity(payload)
	header := payload[:got.body]
	faults := prefixed("inside, ", lineFaults(payload, got.untouchable(), got.addressLines()))
	if len(header) == 0 {
		return append(faults, "the payload has no header")
	}
	hp := map[string]string{"signed": "clear", "encrypted": "cipher", "hidden": "cipher"}[c.kind]
	if v := contentParameter(got.get("Content-Type"), "hp"); v != hp {
		faults = append(faults, fmt.Sprintf("hp is %q inside", v))
	}
	for _, f := range got.header {
		switch name := strings.ToLower(f.name); {
		case name == "bcc" || name == "resent-bcc" || slices.ContainsFunc(stripped, func(s string) bool { return strings.EqualFold(s, name) }):
			faults = append(faults, f.name+" is inside")
		case name == "hp-outer":
			faults = append(faults, compareOuter(f, c.sealed.root)...)
		}
	}
	faults = append(faults, compareHeaders(l.sent, got)...)
	return append(faults, compareLeaves(l.leaves, l.setting.shown(got.leaves()))...)
}

// compareOuter holds what the payload tells of a field outside to that (RFC 9788, section 2.2).
func compareOuter(told field, outside *entity) []string {
	name, value, _ := strings.Cut(told.value, ":")
	want := field{name, value}.meaning()
	for _, f := range outside.header {
		if strings.EqualFold(f.name, name) && f.meaning() == want {
			return nil
		}
	}
	return []string{fmt.Sprintf("HP-Outer tells of a %s that is not outside", name)}
}

// kept are the fields that a reader must find in the payload as the author wrote them.
var kept = []string{"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "comments",
	"keywords", "disposition-notification-to", "importance", "x-priority"}

func compareHeaders(sent, got *entity) []string {
	var faults []string
	for _, name := range kept {
		var before, after []string
		for _, f := range sent.header {
			if strings.EqualFold(f.name, name) {
				before = append(before, f.meaning())
			}
		}
		for _, f := range got.header {
			if strings.EqualFold(f.name, name) {
				after = append(after, f.meaning())
			}
		}
		if !slices.Equal(before, after) {
			faults = append(faults, fmt.Sprintf("%s is %q inside instead of %q", name, after, before))
		}
	}
	return faults
}

func prefixed(prefix string, faults []string) []string {
	for i := range faults {
		faults[i] = prefix + faults[i]
	}
	return faults
}
