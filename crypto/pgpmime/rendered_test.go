package pgpmime

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// renderedBody prepares a message and returns its draft's body in pieces.
func renderedBody(t testing.TB, header string, body []byte) crypto.Payload {
	t.Helper()
	h, _ := mail.SplitMessage([]byte("From: alice@example.org\r\n" + header + "\r\n"))
	d, err := (&Composer{}).Prepare(&mail.Message{Header: h, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return d.content.body
}

// octetsOf returns what a piece writes.
func octetsOf(t testing.TB, piece crypto.Piece) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := piece.WriteTo(&b); err != nil || n != int64(b.Len()) || n != piece.Size() {
		t.Fatalf("%d octets are written, %d are told of, the size is %d: %v", b.Len(), n, piece.Size(), err)
	}
	return b.Bytes()
}

// TestOneBodyInMemory looks at the heap when a body of each form is ready to be written: it holds no second one.
func TestOneBodyInMemory(t *testing.T) {
	const size = 4 << 20
	random := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(random)
	line := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)) }
	for _, tc := range []struct {
		name, header string
		body         []byte
	}{
		{"as it is", "", line("plain\r\n")},
		{"bare LF", "", line("plain\n")},
		{"quoted-printable", "Content-Type: text/plain; charset=utf-8\r\n", line("Gr\xc3\xb6\xc3\x9fe von allem\r\n")},
		{"repaired", "Content-Transfer-Encoding: quoted-printable\r\n", line("Gr=C3=B6=C3=9Fe \r\n")},
		{"text in base64", "Content-Type: text/plain; charset=utf-8\r\n", line("чай\r\n")},
		{"one long line", "Content-Type: text/plain; charset=utf-8\r\n", line("long")},
		{"octets", "Content-Type: application/octet-stream\r\n", random},
		{"rewrapped", "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n", line("AAAA")},
		{"sealed", "Content-Type: multipart/signed; boundary=b\r\n", slices.Concat([]byte("--b\r\n\r\n"), line("\xc3\xa4\r\n"), []byte("--b--\r\n"))},
	} {
		before := heap()
		payload := renderedBody(t, tc.header, tc.body)
		if grown := heap() - min(before, heap()); grown > size/8 {
			t.Errorf("%s: %d octets", tc.name, grown)
		}
		w := widest{}
		if _, err := payload.WriteTo(&w); err != nil || tc.name != "as it is" && w.octets > 4*stride {
			t.Errorf("%s: %d octets are written at once, %v", tc.name, w.octets, err)
		}
		runtime.KeepAlive(payload)
	}
}

// heap returns the octets in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// widest is the largest write.
type widest struct{ octets int }

func (w *widest) Write(b []byte) (int, error) {
	w.octets = max(w.octets, len(b))
	return len(b), nil
}

// inStrides are the forms that are made a stretch at a time, and what the whole of a body becomes.
var inStrides = []struct {
	name string
	form func(body []byte) form
	want func(body []byte) []byte
}{
	{"crlf", inCRLF, func(b []byte) []byte { return appendCRLF(nil, b) }},
	{"quoted", quoted, quotedOneByOne},
	{"requoted", requoted, requotedOneByOne},
	{"base64", inBase64, func(b []byte) []byte { return appendBase64(nil, b) }},
	{"base64 text", func(b []byte) form { return textInBase64(b) }, func(b []byte) []byte { return appendBase64(nil, appendCRLF(nil, b)) }},
	{"base64 texts", func(b []byte) form { return textInBase64([]byte("X: y\r\n"), b) }, func(b []byte) []byte {
		return appendBase64(nil, append([]byte("X: y\r\n"), appendCRLF(nil, b)...))
	}},
	{"rewrapped", func(b []byte) form {
		return rewrappedBase64(bytes.ReplaceAll(appendBase64(nil, b), []byte("\r\n"), []byte(" \n\n")))
	}, func(b []byte) []byte { return appendBase64(nil, b) }},
}

// quotedOneByOne encodes text octet by octet.
func quotedOneByOne(text []byte) []byte {
	var q quotedLine
	for len(text) > 0 {
		line, rest, ended := cutLine(text)
		q.column = 0
		for i, c := range line {
			q.put(c, !isLiteral(c) || isBlank(c) && i == len(line)-1, line[i+1:])
		}
		if text = rest; ended {
			q.dst = append(q.dst, '\r', '\n')
		}
	}
	return q.dst
}

// requotedOneByOne repairs quoted-printable octet by octet.
func requotedOneByOne(body []byte) []byte {
	var q quotedLine
	for len(body) > 0 {
		line, rest, ended := cutLine(body)
		line, soft := bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte{'='})
		q.column = 0
		for i := 0; i < len(line); i++ {
			c := line[i]
			if c == '=' && i+2 < len(line) && isHex(line[i+1]) && isHex(line[i+2]) {
				q.put(unhex(line[i+1])<<4|unhex(line[i+2]), true, nil)
				i += 2
				continue
			}
			q.put(c, !isLiteral(c), line[i+1:])
		}
		if soft {
			q.dst = append(q.dst, '=')
		}
		if body = rest; ended {
			q.dst = append(q.dst, '\r', '\n')
		}
	}
	return q.dst
}

// TestFormsInStrides compares bodies of every length near a stride, and with line ends across it, with the encoding of the
// whole.
func TestFormsInStrides(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		n := stride*(1+i%3) - 60 + source.IntN(120)
		body := make([]byte, n)
		for i := range body {
			body[i] = "aaaaaaaaaaaaaaaaaaaaaaFrom -= \t\n\n\r\xe4=3D"[source.IntN(38)]
		}
		for at := stride - 3; at < min(n, stride+3); at++ {
			body[at] = "\r\nx"[source.IntN(3)]
		}
		for _, tc := range inStrides {
			var r rendered
			r.text("before")
			r.form(tc.form(body))
			r.text("after")
			if got, want := octetsOf(t, r.payload()), tc.want(body); string(got) != "before"+string(want)+"after" {
				t.Fatalf("%s: %d octets become %d, not %d", tc.name, n, len(got)-len("beforeafter"), len(want))
			}
		}
	}
}

// FuzzForms compares each form of octets with the encoding of the whole.
func FuzzForms(f *testing.F) {
	f.Add([]byte("From a\r\n=\r\n-- \nb \t\r\n=C3=\xc3\r"))
	f.Add(bytes.Repeat([]byte("-F\t"), 60))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, tc := range inStrides {
			for _, keep := range []int{-1, 50, 1 << 20} {
				piece, kept := newFormed(tc.form(body), keep)
				got, want := octetsOf(t, piece), tc.want(body)
				if !bytes.Equal(got, want) {
					t.Errorf("%s: %q becomes %q, not %q", tc.name, body, got, want)
				}
				if _, is := piece.(crypto.Octets); is != (len(want) <= keep) || is && kept != len(want) || !is && kept != 0 {
					t.Errorf("%s: %d octets, of which %d may be kept: %d are, as %T", tc.name, len(want), keep, kept, piece)
				}
			}
		}
	})
}

// TestLittleIsKept has a message with many encoded parts: each alone is small, but they are not all in memory twice.
func TestLittleIsKept(t *testing.T) {
	part := "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat("Gr\xc3\xb6\xc3\x9fe von allem\r\n", 200)
	kept := 0
	for _, piece := range renderedBody(t, "Content-Type: multipart/mixed; boundary=b\r\n", []byte(strings.Repeat(part, 200)+"--b--\r\n")) {
		if octets, is := piece.(crypto.Octets); is && len(octets) > aliasSize {
			kept += len(octets)
		}
	}
	if kept == 0 || kept > keepSize {
		t.Errorf("%d octets are kept encoded, of at most %d", kept, keepSize)
	}
}

// TestFormsStop has a writer that fails: nothing follows the failed write.
func TestFormsStop(t *testing.T) {
	body := bytes.Repeat([]byte("\xe4 long\n"), stride)
	for _, tc := range inStrides {
		for writes := range 3 {
			w := &failing{after: writes}
			piece, _ := newFormed(tc.form(body), 0)
			if n, err := piece.WriteTo(w); !errors.Is(err, errFull) || n != int64(w.taken) || w.after != 0 {
				t.Errorf("%s: %d octets of %d, %v", tc.name, n, w.taken, err)
			}
		}
	}
}

var errFull = errors.New("no room")

// failing takes some writes, and panics if there is one behind that which failed.
type failing struct {
	after, taken int
	failed       bool
}

func (f *failing) Write(b []byte) (int, error) {
	switch {
	case f.failed:
		panic("written to after an error")
	case f.after == 0:
		f.failed = true
		return 0, errFull
	}
	f.after--
	f.taken += len(b)
	return len(b), nil
}

// TestOneLongLine has a body without any line end, which cannot be cut into lines.
func TestOneLongLine(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 1<<20)
	got := octetsOf(t, renderedBody(t, "", body))
	if want := quotedOneByOne(body); !bytes.Equal(got, want) {
		t.Errorf("%d octets, not %d", len(got), len(want))
	}
	zeros := make([]byte, 1<<20)
	encoded := octetsOf(t, renderedBody(t, "Content-Type: application/octet-stream\r\n", zeros))
	decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(encoded), "\r\n", ""))
	if err != nil || !bytes.Equal(decoded, zeros) {
		t.Errorf("%d octets, %v", len(decoded), err)
	}
}

// TestSmallerEncoding has text that is mostly not US-ASCII, which quoted-printable would make three times as large.
func TestSmallerEncoding(t *testing.T) {
	for _, tc := range []struct {
		contentType, text, want string
	}{
		{"text/plain; charset=utf-8", "Mit freundlichen Grüßen\n", "Mit freundlichen Gr=C3=BC=C3=9Fen\r\n"},
		{"text/plain; charset=utf-8", "чай\nда\n", base64.StdEncoding.EncodeToString([]byte("чай\r\nда\r\n")) + "\r\n"},
		{"message/delivery-status", "чай\n", "=D1=87=D0=B0=D0=B9\r\n"},
	} {
		if got := string(octetsOf(t, renderedBody(t, "Content-Type: "+tc.contentType+"\r\n", []byte(tc.text)))); got != tc.want {
			t.Errorf("%q becomes %q, not %q", tc.text, got, tc.want)
		}
	}
}

// TestSearch cuts a text into pieces everywhere.
func TestSearch(t *testing.T) {
	const text = "abcabcabcd abcde"
	for cut := range text {
		for second := cut; second < len(text); second++ {
			pieces := crypto.Payload{crypto.Octets(text[:cut]), crypto.Octets(text[cut:second]), crypto.Octets(nil), crypto.Octets(text[second:])}
			for word, want := range map[string]bool{"abcd": true, "abcde": true, "abcdef": false, "bcabcab d": false} {
				s := search{text: []byte(word)}
				if _, err := pieces.WriteTo(&s); err != nil || s.found != want {
					t.Fatalf("%q in %q: %v, %v", word, pieces, s.found, err)
				}
			}
		}
	}
}
