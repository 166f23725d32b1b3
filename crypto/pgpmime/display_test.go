package pgpmime_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// htmlElement is a legacy display element in HTML (RFC 9788, section 5.2.3), with the line ends around it.
var htmlElement = regexp.MustCompile(`\r\n<div class="header-protection-legacy-display">\r\n<pre>((?s:.*?))</pre>\r\n *</div>\r\n`)

// withoutElement cuts the element off as a reader does who knows the standard (section 4.5.3), and returns the lines of the
// element. Text that became UTF-8 for it was US-ASCII.
func withoutElement(l leaf) (leaf, string, error) {
	if !l.legacy {
		return l, "", nil
	}
	l.legacy = false
	if l.typ == "text/plain" {
		element, rest, found := strings.Cut(l.content, "\r\n\r\n")
		if !found {
			return l, "", errors.New("no empty line")
		}
		l.content = rest
		return l, element, nil
	}
	at := htmlElement.FindStringSubmatchIndex(l.content)
	if l.typ != "text/html" || at == nil {
		return l, "", errors.New("no element in " + l.typ)
	}
	element := l.content[at[2]:at[3]]
	l.content = l.content[:at[0]] + l.content[at[1]:]
	return l, element, nil
}

// compareDisplayed checks the payload of an encrypted copy against that of a signed one: they have the same leaves, save
// the elements, which it returns.
func compareDisplayed(t *testing.T, signed, encrypted string) (elements []string) {
	t.Helper()
	want, err := leavesOf(signed)
	if err != nil {
		return nil // the other reader wants more than we do
	}
	got, err := leavesOf(encrypted)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%q\ncannot be read: %v\nit was\n%q", encrypted, err, signed)
	}
	for i, l := range got {
		if want[i].legacy && l == want[i] {
			continue // it says so in a signed part or a forwarded message
		}
		plain, element, err := withoutElement(l)
		if err != nil {
			t.Fatalf("leaf %d of\n%q\n%v", i, encrypted, err)
		}
		if l.legacy {
			elements = append(elements, element)
		}
		if plain.charset != want[i].charset {
			if plain.charset != "utf-8" || !slices.Contains([]string{"", "us-ascii", "ascii"}, strings.ToLower(want[i].charset)) ||
				strings.ContainsFunc(plain.content, func(r rune) bool { return r >= 0x80 }) {
				t.Fatalf("leaf %d of\n%q\nhas another charset in\n%q", i, signed, encrypted)
			}
			plain.charset = want[i].charset
		}
		if plain != want[i] {
			t.Fatalf("leaf %d of\n%q\nis\n%q\ninstead of\n%q", i, encrypted, plain, want[i])
		}
	}
	return elements
}

// TestDisplayedContentSurvives composes random messages with legacy display elements and cuts these off again.
func TestDisplayedContentSurvives(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	fields := "Date: Fri, 21 Jan 2022 20:40:48 -0500\nFrom: Alice <alice@example.org>\n"
	elements := map[string]int{}
	for i := range 3000 {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i))), eol: "\r\n"}
		if i%3 == 0 {
			g.eol = "\n"
		}
		subject := g.choose("Dinner plans", "größer", "<p>&\"'", strings.Repeat("long ", 30)+"end")
		text := strings.ReplaceAll(fields+"Subject: "+mime.QEncoding.Encode("utf-8", subject)+"\nMIME-Version: 1.0\n", "\n", g.eol) + g.entity(4)
		header, body := mail.SplitMessage([]byte(text))
		m := &mail.Message{Header: header, Body: body}
		signed, plain := prepare(t, m)
		for _, tc := range []struct {
			policy pgpmime.Confidentiality
			lines  int
		}{{pgpmime.Baseline, 1}, {pgpmime.Shy, 3}, {pgpmime.NoConfidentiality, 0}} {
			_, encrypted := composeEncrypted(t, pgpmime.Composer{Confidentiality: tc.policy, LegacyDisplay: true}, m)
			if faults := canonicalFaults(encrypted); faults != nil {
				t.Fatalf("message %d\n%q\nbecame\n%q\nwhich has %v", i, text, encrypted, faults)
			}
			if tc.policy == pgpmime.NoConfidentiality && bodyOf(encrypted) != bodyOf(plain) {
				t.Fatalf("message %d\n%q\nbecame\n%q", i, text, encrypted)
			}
			for _, element := range compareDisplayed(t, signed, encrypted) {
				lines := strings.Split(element, "\r\n")
				if len(lines) != tc.lines || !strings.HasPrefix(lines[tc.lines-1], "Subject: ") {
					t.Fatalf("message %d\n%q\nhas the element %q in\n%q", i, text, element, encrypted)
				}
				elements[strings.Join(strings.Fields(lines[tc.lines-1]), " ")]++
			}
		}
	}
	for _, want := range []string{
		"Subject: Dinner plans", "Subject: größer", "Subject: <p>&\"'", "Subject: gr&#246;&#223;er", "Subject: &lt;p&gt;&amp;&#34;&#39;",
	} {
		if elements[want] == 0 {
			t.Errorf("no element %q in %v", want, elements)
		}
	}
}

func bodyOf(payload string) string {
	_, body, _ := strings.Cut(payload, "\r\n\r\n")
	return body
}

// FuzzDisplay checks with any message that a legacy display element can be cut off again and nothing else is changed.
func FuzzDisplay(f *testing.F) {
	for _, pattern := range []string{"testdata/*.eml", "testdata/protection/*.eml"} {
		cases, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, eml := range cases {
			text, err := os.ReadFile(eml)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		header, body := mail.SplitMessage(append([]byte("Subject: s\xc3\xa4\n"), text...))
		m := &mail.Message{Header: header, Body: body}
		var malformed *pgpmime.MalformedError
		if _, err := composer(nil).Prepare(m); errors.As(err, &malformed) {
			return
		}
		signed, _ := prepare(t, m)
		c := pgpmime.Composer{Confidentiality: pgpmime.Shy, LegacyDisplay: true, Strip: []string{"User-Agent", "X-Mailer"}}
		outside, encrypted := composeEncrypted(t, c, m)
		mayHaveSoftFaults := bytes.Contains(bytes.ToLower(text), []byte("content-"))
		for _, fault := range canonicalFaults(encrypted) {
			if !mayHaveSoftFaults || !strings.HasPrefix(fault, "a blank") && !strings.HasPrefix(fault, "From") {
				t.Fatalf("%q\nbecame\n%q\nwhich has %s", text, encrypted, fault)
			}
		}
		// What is told is outside, in this order.
		protected, _ := mail.SplitMessage([]byte(encrypted))
		rest := outside
		for _, told := range protected.All("HP-Outer") {
			name, value, _ := strings.Cut(told.Text(), ":")
			at := slices.IndexFunc(rest, func(f mail.Field) bool { return f.Name == name && f.Text() == strings.TrimSpace(value) })
			if at < 0 {
				t.Fatalf("%q is not outside\n%q", told, outside)
			}
			rest = rest[at+1:]
		}
		if outside.Get("Subject") != "[...]" {
			t.Fatalf("outside\n%s", outside.AppendTo(nil))
		}
		for _, element := range compareDisplayed(t, signed, encrypted) {
			if !strings.Contains(element, "Subject:") {
				t.Fatalf("%q\nhas the element %q in\n%q", text, element, encrypted)
			}
		}
	})
}
