package corpus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// stripped are the fields that the composer of a corpus leaves out everywhere, as the shipped configuration has it.
var stripped = []string{"User-Agent", "X-Mailer", "X-Originating-IP"}

// isHidden reports whether an encrypted copy may not show the field to anybody on its way: that of RFC 9788, section
// 3.2.1, the ones that are stripped, the recipients in Bcc, and those that quote the text.
func isHidden(name string) bool {
	switch strings.ToLower(name) {
	case "subject", "comments", "keywords", "bcc", "resent-bcc", "thread-topic", "x-spam-report", "x-spam-status",
		"autocrypt-gossip":
		return true
	}
	return slices.ContainsFunc(stripped, func(s string) bool { return strings.EqualFold(s, name) })
}

// secrets are the words that must not be outside an encrypted copy.
type secrets map[string]bool

// shortestSecret is how many octets a word has that does not stand in a message by chance. Armor is random text, too.
const shortestSecret = 8

// mostSecrets bounds the words of one message.
const mostSecrets = 5000

// secretsOf collects the words of the body and of the hidden fields, as they stand and decoded, without those that the
// message shows in its other fields, too.
func secretsOf(m *entity) secrets {
	found := make(secrets)
	for _, f := range m.header {
		if isHidden(f.name) {
			found.add([]byte(f.value))
			found.add([]byte(decodeWords(f.value)))
		}
	}
	found.add(m.text[m.body:m.end])
	for _, l := range m.leaves() {
		found.add(l.content)
		found.add([]byte(l.filename))
	}
	var open bytes.Buffer
	for _, f := range m.header {
		if !isHidden(f.name) && !strings.HasPrefix(strings.ToLower(f.name), "content-") {
			fmt.Fprintf(&open, "%s\n%s\n%s\n", f.name, f.value, decodeWords(f.value))
		}
	}
	shown := bytes.ToLower(open.Bytes())
	for word := range found {
		if bytes.Contains(shown, []byte(word)) {
			delete(found, word)
		}
	}
	return found
}

// add adds the words of a text in lower case.
func (s secrets) add(text []byte) {
	words := bytes.FieldsFuncSeq(text, func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("\"<>()[]{},;:|", r)
	})
	for word := range words {
		if len(s) >= mostSecrets {
			return
		}
		if word = bytes.Trim(bytes.ToLower(word), ".=-_*#/'!?"); len(word) >= shortestSecret && len(word) <= 200 {
			s[string(word)] = true
		}
	}
}

// shown returns a secret that stands outside, "" if none does. What every encrypted copy shows tells nothing.
func (s secrets) shown(outside, everywhere []byte) string {
	outside, everywhere = bytes.ToLower(outside), bytes.ToLower(everywhere)
	for word := range s {
		if !bytes.Contains(everywhere, []byte(word)) && bytes.Contains(outside, []byte(word)) {
			return word
		}
	}
	return ""
}

// checkHidden says which secrets an encrypted copy shows.
func checkHidden(hidden secrets, c container, everywhere []byte) []string {
	var faults []string
	var outside bytes.Buffer
	for _, f := range c.root.header {
		switch name := strings.ToLower(f.name); {
		case name == "subject" && f.value == "[...]":
		case isHidden(name):
			faults = append(faults, fmt.Sprintf("%s is outside: %q", f.name, f.value))
		}
		if !strings.EqualFold(f.name, "Content-Type") {
			fmt.Fprintf(&outside, "%s: %s\n%s\n", f.name, f.value, decodeWords(f.value))
		}
	}
	outside.Write(c.parts[0])
	// In armor there is nothing but what gpg has read.
	before, armor, _ := bytes.Cut(c.parts[1], []byte("-----BEGIN PGP MESSAGE-----"))
	if _, err := dearmor(append([]byte("-----BEGIN PGP MESSAGE-----"), armor...), "MESSAGE"); err != nil {
		faults = append(faults, "the armor holds something else")
	}
	_, behind, _ := bytes.Cut(armor, []byte("-----END PGP MESSAGE-----"))
	outside.Write(before)
	outside.Write(behind)
	if word := hidden.shown(outside.Bytes(), everywhere); word != "" {
		faults = append(faults, fmt.Sprintf("%q is outside", word))
	}
	return faults
}
