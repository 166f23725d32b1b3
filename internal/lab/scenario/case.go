package scenario

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed cases/*.txtar
var files embed.FS

// Case is one end-to-end case.
type Case struct {
	Name       string
	Comment    string
	config     string
	dialogue   []string
	messages   map[string][]byte // with CRLF, by section
	mailboxes  map[string][]form
	hidden     [][2]string // mailbox, text
	outside    [][2]string
	inside     [][2]string
	envelopes  map[string][]string // parameters of each message, by mailbox
	introduced map[string][]string // what each message tells of keys, by mailbox
}

// form is what one message in a mailbox must be.
type form struct {
	kind    string
	message string   // section
	signer  string   // "" for none
	reader  string   // whose key it is encrypted to, "" for the mailbox's own
	also    []string // who else can read it, in the order of the session-key packets
}

// Cases returns all cases by name, as they are where all of the given names hold: that of the [MTA], and "7bit" or "8bit"
// for its next hop.
func Cases(names ...string) ([]*Case, error) {
	entries, err := files.ReadDir("cases")
	if err != nil {
		return nil, err
	}
	var all []*Case
	for _, e := range entries {
		data, err := files.ReadFile(path.Join("cases", e.Name()))
		if err != nil {
			return nil, err
		}
		c, err := parse(strings.TrimSuffix(e.Name(), ".txtar"), names, data)
		if errors.Is(err, errElsewhere) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all = append(all, c)
	}
	return all, nil
}

// errElsewhere is about a case whose dialogue is for others alone.
var errElsewhere = errors.New("the case is played elsewhere")

func parse(name string, names []string, data []byte) (*Case, error) {
	archive := txtar.Parse(data)
	c := &Case{Name: name, Comment: string(archive.Comment), messages: map[string][]byte{}, mailboxes: map[string][]form{},
		envelopes: map[string][]string{}, introduced: map[string][]string{}}
	var mailboxes string
	conditional := false // the dialogue has lines, if only for others
	for _, f := range archive.Files {
		text := string(f.Data)
		switch f.Name {
		case "dialogue", "mailboxes", "hidden", "outside", "inside", "envelope", "introduced":
			var err error
			if text, err = linesFor(names, text); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		switch f.Name {
		case "config":
			c.config = text
		case "dialogue":
			c.dialogue, conditional = lines(text), len(lines(string(f.Data))) > 0
		case "mailboxes":
			mailboxes = text
		case "hidden", "outside", "inside":
			list := map[string]*[][2]string{"hidden": &c.hidden, "outside": &c.outside, "inside": &c.inside}[f.Name]
			for _, line := range lines(text) {
				mailbox, searched, found := strings.Cut(line, ": ")
				if !found {
					return nil, fmt.Errorf("%s: %q has no mailbox", f.Name, line)
				}
				*list = append(*list, [2]string{mailbox, searched})
			}
		case "introduced":
			for _, line := range lines(text) {
				mailbox, words, _ := strings.Cut(line, ":")
				c.introduced[mailbox] = []string{}
				for word := range strings.SplitSeq(words, ",") {
					if word = strings.TrimSpace(word); word != "" {
						c.introduced[mailbox] = append(c.introduced[mailbox], word)
					}
				}
			}
		case "envelope":
			for _, line := range lines(text) {
				mailbox, parameters, found := strings.Cut(line, ":")
				if !found {
					return nil, fmt.Errorf("envelope: %q has no mailbox", line)
				}
				c.envelopes[mailbox] = append(c.envelopes[mailbox], parameters)
			}
		default:
			message, err := expand(f.Data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			c.messages[f.Name] = bytes.ReplaceAll(message, []byte("\n"), []byte("\r\n"))
		}
	}
	switch {
	case len(c.dialogue) > 0:
	case conditional:
		return nil, errElsewhere
	default:
		return nil, errors.New("no dialogue")
	}
	for _, line := range lines(mailboxes) {
		mailbox, forms, found := strings.Cut(line, ": ")
		if !found {
			return nil, fmt.Errorf("mailboxes: %q has no form", line)
		}
		for text := range strings.SplitSeq(forms, ", ") {
			f, err := c.parseForm(text)
			if err != nil {
				return nil, err
			}
			c.mailboxes[mailbox] = append(c.mailboxes[mailbox], f)
		}
	}
	return c, nil
}

func (c *Case) parseForm(text string) (form, error) {
	words := strings.Fields(text)
	f := form{kind: words[0], message: "message", signer: "alice@example.org"}
	switch f.kind {
	case "encrypted", "signed":
	case "untouched", "notice", "report", "bounce":
		f.signer = ""
	default:
		return form{}, fmt.Errorf("mailboxes: unknown form %q", text)
	}
	for words = words[1:]; len(words) > 0; words = words[1:] {
		switch {
		case words[0] == "unsigned":
			f.signer = ""
		case words[0] == "to" && len(words) > 1:
			f.reader = words[1]
			words = words[1:]
		case words[0] == "also" && len(words) > 1:
			f.also = append(f.also, words[1])
			words = words[1:]
		case words[0] == "by" && len(words) > 1:
			f.signer = words[1]
			words = words[1:]
		case c.messages[words[0]] != nil:
			f.message = words[0]
		default:
			return form{}, fmt.Errorf("mailboxes: unknown word %q in %q", words[0], text)
		}
	}
	return f, nil
}

var condition = regexp.MustCompile(`^\[(!?)([a-z0-9]+)\] (.*)$`)

// linesFor leaves the lines that hold where the names do. A line after "[sendmail] " is for that MTA only, and one after
// "[!sendmail] " for all others; "[7bit] " is for a next hop without 8BITMIME. A line can have several such conditions. It
// needs an explanation: a comment above it, or another such line that has one.
func linesFor(names []string, text string) (string, error) {
	var kept strings.Builder
	explained := false
	for line := range strings.Lines(text) {
		rest, holds := strings.TrimSpace(line), true
		found := condition.FindStringSubmatch(rest)
		if found == nil {
			explained = strings.HasPrefix(line, "#")
			kept.WriteString(line)
			continue
		}
		if !explained {
			return "", fmt.Errorf("%q has no comment that explains it", line)
		}
		for ; found != nil; found = condition.FindStringSubmatch(rest) {
			holds = holds && slices.Contains(names, found[2]) == (found[1] == "")
			rest = found[3]
		}
		if holds {
			kept.WriteString(rest + "\n")
		}
	}
	return kept.String(), nil
}

// lines returns the lines of text that are neither empty nor comments.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

var directive = regexp.MustCompile(`\{\{(\w+) ([^}]*)\}\}`)

// expand replaces the directives of a message.
func expand(message []byte) ([]byte, error) {
	var failure error
	out := directive.ReplaceAllFunc(message, func(found []byte) []byte {
		words := directive.FindSubmatch(found)
		if string(words[1]) == encryptedDirective {
			return found
		}
		b, err := directiveBytes(string(words[1]), string(words[2]))
		if err != nil {
			failure = fmt.Errorf("%s: %w", found, err)
		}
		return b
	})
	return out, failure
}

func directiveBytes(name, arg string) ([]byte, error) {
	switch name {
	case "hex":
		return hex.DecodeString(arg)
	case "repeat":
		count, text, _ := strings.Cut(arg, " ")
		n, err := strconv.Atoi(count)
		return bytes.Repeat([]byte(text), n), err
	case "noise":
		n, err := strconv.Atoi(arg)
		if err != nil {
			return nil, err
		}
		return noise(n), nil
	}
	return nil, fmt.Errorf("unknown directive")
}

// noise returns n random bytes in base64, always the same ones, in lines of 76 characters.
func noise(n int) []byte {
	raw := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	b.WriteString(text)
	return b.Bytes()
}
