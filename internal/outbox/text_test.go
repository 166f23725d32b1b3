package outbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
)

// written returns what becomes of a text that is written in pieces, through a buffer of some size.
func written(t testing.TB, buffer int, pieces ...string) string {
	t.Helper()
	var got bytes.Buffer
	w := newText(bufio.NewWriterSize(&got, buffer))
	for _, p := range pieces {
		if n, err := io.WriteString(w, p); n != len(p) || err != nil {
			t.Fatalf("%q: %d, %v", p, n, err)
		}
	}
	if err := w.endLine(); err != nil {
		t.Fatal(err)
	}
	due := got.Len() + w.pending()
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	if got.Len() != due {
		t.Fatalf("%q: %d octets, %d were foretold", pieces, got.Len(), due)
	}
	return got.String()
}

func TestText(t *testing.T) {
	for _, tc := range []struct {
		pieces []string
		want   string
	}{
		{nil, ""},
		{[]string{"", ""}, ""},
		{[]string{"a"}, "a\r\n"},
		{[]string{"a\r\nb\r\n"}, "a\r\nb\r\n"},
		{[]string{"a\nb"}, "a\r\nb\r\n"},
		{[]string{"\n\n"}, "\r\n\r\n"},
		{[]string{"a\r", "\nb\r"}, "a\r\nb\r\n"},
		{[]string{"a\rb"}, "a\rb\r\n"},
		{[]string{"a\r\r\n"}, "a\r\r\n"},
		{[]string{"."}, "..\r\n"},
		{[]string{".\r\n.\r\n"}, "..\r\n..\r\n"},
		{[]string{"a\n.\nb"}, "a\r\n..\r\nb\r\n"},
		{[]string{"a\r\n", ".b\r\n"}, "a\r\n..b\r\n"},
		{[]string{"a\r", "\n", "", ".b"}, "a\r\n..b\r\n"},
		{[]string{"a", ".b"}, "a.b\r\n"},
		{[]string{"a\r.b"}, "a\r.b\r\n"},
		{[]string{"\n", ".\n", "\n"}, "\r\n..\r\n\r\n"},
	} {
		for _, buffer := range []int{16, 4096} {
			if got := written(t, buffer, tc.pieces...); got != tc.want+".\r\n" {
				t.Errorf("%q became %q", tc.pieces, got)
			}
		}
	}
}

// FuzzText compares with the writer of net/textproto, which takes the second CR of "\r\r\n" for one that no LF follows.
func FuzzText(f *testing.F) {
	f.Add("a\r\n.b\n..\r\nc\r", uint16(3), uint16(4))
	f.Add(strings.Repeat("x", 100)+"\r\n.\r\n", uint16(101), uint16(103))
	f.Fuzz(func(t *testing.T, s string, one, two uint16) {
		if s == "" || strings.Contains(s, "\r\r") {
			return
		}
		a := int(one) % (len(s) + 1)
		b := a + int(two)%(len(s)-a+1)
		var want bytes.Buffer
		dots := textproto.NewWriter(bufio.NewWriter(&want)).DotWriter()
		io.WriteString(dots, s)
		dots.Close()
		got := written(t, 16, s[:a], s[a:b], s[b:])
		if got != want.String() {
			t.Fatalf("%q | %q | %q became %q, want %q", s[:a], s[a:b], s[b:], got, want.String())
		}
		if i := strings.Index("\r\n"+got, "\r\n.\r\n"); i != len(got)-len(finalDot) {
			t.Fatalf("%q ends before its end", got)
		}
	})
}

// TestVerbatimText has a promise be kept, and one be broken that would end the message.
func TestVerbatimText(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"a\r\nb\r\n", "a\r\nb\r\n"},
		{"a\r\nb.c\r\n", "a\r\nb.c\r\n"},
		{"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"},
		{"a\n.\nb\n", "a\r\n..\r\nb\r\n"},
	} {
		for split := range len(tc.text) {
			var got bytes.Buffer
			w := newText(bufio.NewWriterSize(&got, 16))
			w.verbatim = true
			io.WriteString(w, tc.text[:split])
			io.WriteString(w, tc.text[split:])
			w.out.Flush()
			plain := strings.ReplaceAll(tc.want, "\r", "")
			if strings.ReplaceAll(got.String(), "\r", "") != plain || strings.Contains(tc.text, "\r") && got.String() != tc.want {
				t.Errorf("%q | %q became %q", tc.text[:split], tc.text[split:], got.String())
			}
		}
	}
}

// failingWriter takes some octets.
type failingWriter int

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(len(p), int(*w))
	*w -= failingWriter(n)
	if n < len(p) {
		return n, errors.New("broken")
	}
	return n, nil
}

// TestTextThatBreaks has the connection break at each octet.
func TestTextThatBreaks(t *testing.T) {
	const body = "some text\r\n.and a dot\nand more\r\n"
	whole := len(written(t, 16, body))
	for room := range whole {
		out := failingWriter(room)
		w := newText(bufio.NewWriterSize(&out, 16))
		_, err := io.WriteString(w, body)
		if err == nil {
			err = w.endLine()
		}
		if err == nil {
			err = w.end()
		}
		if err == nil {
			t.Errorf("all of it was written to a connection that takes %d octets", room)
		}
	}
}

// BenchmarkText writes armour in pieces.
func BenchmarkText(b *testing.B) {
	armour := []byte(strings.Repeat(strings.Repeat("A", 64)+"\r\n", 1000))
	for _, with := range []string{"text", "verbatim", "textproto"} {
		b.Run(fmt.Sprintf("with=%s", with), func(b *testing.B) {
			b.SetBytes(int64(len(armour)))
			out := bufio.NewWriterSize(io.Discard, 64<<10)
			var w io.Writer = out
			switch with {
			case "text":
				w = newText(out)
			case "verbatim":
				w = &text{out: out, verbatim: true}
			case "textproto":
				w = textproto.NewWriter(out).DotWriter()
			}
			for b.Loop() {
				w.Write(armour)
			}
		})
	}
}
