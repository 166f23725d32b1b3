package pgpmime_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// canonicalFaults names what breaks RFC 3156, section 3, in a payload. Octets above 127 are checked in the body only:
// an address may have them.
func canonicalFaults(payload string) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	header, body, found := strings.Cut(payload, "\r\n\r\n")
	if !found {
		fault("no empty line behind the header")
	}
	for i := range len(body) {
		if body[i] >= 0x80 {
			fault("octet %#x at %d of the body", body[i], i)
			break
		}
	}
	if strings.Contains(header, "\r\n \r\n") {
		fault("an empty continuation line")
	}
	for i, line := range strings.Split(payload, "\r\n") {
		switch {
		case strings.ContainsAny(line, "\r\n\x00"):
			fault("a NUL, a bare CR or a bare LF in line %d", i)
		case len(line) > 998:
			fault("%d octets in line %d", len(line), i)
		case strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t"):
			fault("a blank at the end of line %d", i)
		case strings.HasPrefix(line, "From "):
			fault("From at the start of line %d", i)
		}
	}
	return faults
}

// leaf is what a reader gets of one part without parts.
type leaf struct {
	typ, charset, filename, content string
	legacy                          bool // it says that it has a legacy display element
}

func (l leaf) String() string {
	return fmt.Sprintf("%s; charset=%q; filename=%q; legacy=%t\n%s", l.typ, l.charset, l.filename, l.legacy, l.content)
}

// leaves reads the decoded leaves with a reader that is not ours, messages in messages included.
func leaves(e *message.Entity) ([]leaf, error) {
	if parts := e.MultipartReader(); parts != nil {
		var all []leaf
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return all, nil
			}
			if err != nil {
				return nil, err
			}
			below, err := leaves(part)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		}
	}
	content, err := io.ReadAll(e.Body)
	if err != nil {
		return nil, err
	}
	typ, params, err := e.Header.ContentType()
	if err != nil {
		return nil, err
	}
	lines := strings.EqualFold(e.Header.Get("Content-Transfer-Encoding"), "quoted-printable")
	switch typ {
	case "message/rfc822", "message/global":
		nested, err := message.Read(bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		below, err := leaves(nested)
		return append([]leaf{{typ: "message: " + nested.Header.Get("X-Nested")}}, below...), err
	case "text/plain", "text/html", "message/delivery-status":
		lines = true
	}
	if lines {
		content = []byte(crlf(string(content)))
	}
	var filename string
	if e.Header.Has("Content-Disposition") {
		_, disposition, err := e.Header.ContentDisposition()
		if err != nil {
			return nil, err
		}
		filename = disposition["filename"]
	}
	return []leaf{{typ, params["charset"], filename, string(content), params["hp-legacy-display"] == "1"}}, nil
}

func leavesOf(text string) ([]leaf, error) {
	e, err := message.Read(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return leaves(e)
}

// generator writes random messages whose structure is sound and whose content is not.
type generator struct {
	*rand.Rand
	eol        string
	boundaries int
}

func (g *generator) choose(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) entity(depth int) string {
	kind := g.IntN(10)
	switch {
	case depth > 0 && kind < 3:
		return g.multipart(depth)
	case depth > 0 && kind == 3:
		return "Content-Type: message/rfc822" + g.eol + g.choose("", "Content-Transfer-Encoding: 8bit"+g.eol) + g.eol +
			"X-Nested: " + g.choose("1", "2") + g.eol + g.choose("", "Subject: \xc3\xa4 \t"+g.eol) + g.entity(depth-1)
	}
	return g.leaf()
}

func (g *generator) multipart(depth int) string {
	g.boundaries++
	boundary := fmt.Sprintf("b%d.", g.boundaries) + g.choose("", "x", "y z")
	var b strings.Builder
	b.WriteString("Content-Type: multipart/" + g.choose("mixed", "alternative", "x") + "; boundary=\"" + boundary + "\"" + g.eol)
	b.WriteString(g.choose("", "Content-Transfer-Encoding: 8bit"+g.eol, "Content-Transfer-Encoding: 7bit"+g.eol) + g.eol)
	b.WriteString(g.choose("", g.eol, "Pre\xe4mble "+g.eol))
	for range 1 + g.IntN(4) {
		b.WriteString("--" + boundary + g.choose("", " ") + g.eol + g.entity(depth-1) + g.eol)
	}
	b.WriteString("--" + boundary + "--" + g.choose("", g.eol, g.eol+"Epilogue\x00"+g.eol))
	return b.String()
}

func (g *generator) leaf() string {
	typ := g.choose("text/plain", "text/plain; charset=utf-8", "text/html; charset=\"us-ascii\"", "message/delivery-status",
		"application/octet-stream", "image/png; name=x")
	header := "Content-Type: " + typ + g.eol + g.choose("", "Content-Disposition: attachment;"+g.eol+"\t"+
		g.choose("filename=a", "filename=\"a;b\"", "filename*=utf-8''%C3%A4; size=1")+g.eol)
	content := g.content()
	switch encoding := g.choose("", "7bit", "8bit", "Binary", "quoted-printable", "BASE64"); encoding {
	case "":
		return header + g.eol + content
	case "quoted-printable":
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Binary = g.IntN(2) == 0
		io.WriteString(w, strings.ReplaceAll(content, "--b1.", "")) // the writer could begin a line with it
		w.Close()
		encoded := strings.ReplaceAll(crlf(b.String()), "\r\n", g.eol)
		switch g.IntN(3) {
		case 0:
			if len(encoded) < 4000 { // the reader takes no longer line
				encoded = strings.ReplaceAll(encoded, "="+g.eol, "")
			}
		case 1: // nor does it take blanks behind "="
			encoded = strings.ReplaceAll(strings.ReplaceAll(encoded, g.eol, " "+g.eol), "= "+g.eol, "="+g.eol)
		}
		return header + "Content-Transfer-Encoding: quoted-printable" + g.eol + g.eol + encoded
	case "BASE64":
		encoded := base64.StdEncoding.EncodeToString([]byte(content))
		if width := 60 + 4*g.IntN(500); width < len(encoded) {
			encoded = encoded[:width] + g.choose("", " ") + g.eol + encoded[width:]
		}
		return header + "Content-Transfer-Encoding: BASE64" + g.eol + g.eol + encoded
	default:
		return header + "Content-Transfer-Encoding: " + encoding + g.eol + g.eol + content
	}
}

func (g *generator) content() string {
	var b strings.Builder
	for range g.IntN(8) {
		line := g.choose("", "plain", "ends in blanks \t", "From me", "=C3=A4 = ", ".", "-- ", "--b", "--b1.!", "see --b1.",
			"\xc3\xa4\xc3\xb6", "\xff", "\x00", "a\rb", "\r\rc", strings.Repeat("long ", 199), strings.Repeat("x--b1.", 200),
			strings.Repeat("From ", 250), "\x1b$B", "<html><head><title>a<body></title>", "</head><body class='>'>", "<body>From me", "<p>", "<!-- <body> -->", "\xe4"+strings.Repeat("y", 72)+"--b1.")
		b.WriteString(line)
		if g.IntN(8) > 0 {
			b.WriteString(g.eol)
		}
	}
	return b.String()
}

// TestContentSurvives composes random messages and reads them with another reader before and after.
func TestContentSurvives(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range 3000 {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i))), eol: "\r\n"}
		if i%3 == 0 {
			g.eol = "\n"
		}
		text := "From: alice@example.org" + g.eol + "MIME-Version: 1.0" + g.eol + g.entity(4)
		before, err := leavesOf(text)
		if err != nil {
			t.Fatalf("message %d cannot be read: %v\n%q", i, err, text)
		}
		header, body := mail.SplitMessage([]byte(text))
		signed, _ := prepare(t, &mail.Message{Header: header, Body: body})
		if faults := canonicalFaults(signed); faults != nil {
			t.Fatalf("message %d\n%q\nbecame\n%q\nwhich has %v", i, text, signed, faults)
		}
		after, err := leavesOf(signed)
		if err != nil {
			t.Fatalf("message %d\n%q\nbecame\n%q\nwhich cannot be read: %v", i, text, signed, err)
		}
		if !slices.Equal(before, after) {
			t.Fatalf("message %d\n%q\nbecame\n%q\nwith the leaves\n%q\ninstead of\n%q", i, text, signed, after, before)
		}
	}
}

// endsInDashes finds boundaries that look like the close delimiter of another.
var endsInDashes = regexp.MustCompile(`(?i)boundary[^\n]*--`)

// FuzzPrepare checks that any message is refused with a reason or gets a payload that is in the canonical form, and
// that this form is canonical: it is its own.
func FuzzPrepare(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, eml := range cases {
		text, err := os.ReadFile(eml)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add([]byte(crlf(string(text))))
	}
	f.Add([]byte("From: alice@example.org\nContent-Type: multipart/mixed;\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		header, body := mail.SplitMessage(text)
		m := &mail.Message{Header: header, Body: body}
		if pgpmime.Inspect(m).Encrypted() {
			return
		}
		_, err := composer(nil).Prepare(m)
		if malformed := new(pgpmime.MalformedError); errors.As(err, &malformed) {
			return
		}
		signed, encrypted := prepare(t, m)
		for _, fault := range canonicalFaults(signed) {
			if mayHaveSoftFaults := bytes.Contains(bytes.ToLower(text), []byte("content-")); !mayHaveSoftFaults ||
				!strings.HasPrefix(fault, "a blank") && !strings.HasPrefix(fault, "From") {
				t.Fatalf("%q\nbecame\n%q\nwhich has %s", text, signed, fault)
			}
		}
		for _, hidden := range []string{"\nBcc:", "\nReturn-Path:", "\nUser-Agent:"} {
			if header, _, _ := strings.Cut(encrypted, "\r\n\r\n"); strings.Contains(header, hidden) {
				t.Fatalf("%q\nbecame\n%q", text, encrypted)
			}
		}
		if endsInDashes.Match(text) {
			return
		}
		header, body = mail.SplitMessage([]byte(signed))
		if again, _ := prepare(t, &mail.Message{Header: header, Body: body}); again != signed {
			t.Fatalf("%q\nbecame\n%q\nwhich became\n%q", text, signed, again)
		}
	})
}
