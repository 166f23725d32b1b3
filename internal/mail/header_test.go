package mail_test

import (
	"bytes"
	"testing"

	"sealmilter/internal/mail"
)

func TestSplitMessageKeepsOctets(t *testing.T) {
	raw := "From: a@example.org\r\nX-Odd :\ttabbed \r\nSubject: one\r\n\ttwo\r\n  three\r\nEmpty:\r\n\r\nbody\r\n"
	h, body := mail.SplitMessage([]byte(raw))
	if string(body) != "body\r\n" {
		t.Fatalf("body %q", body)
	}
	if got, want := h.Get("subject"), "one\ttwo  three"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	want := "From: a@example.org\r\nX-Odd:\ttabbed \r\nSubject: one\r\n\ttwo\r\n  three\r\nEmpty:\r\n"
	if got := string(h.AppendTo(nil)); got != want {
		t.Errorf("header %q, want %q", got, want)
	}
	var b bytes.Buffer
	if n, err := h.WriteTo(&b); err != nil || n != int64(len(want)) || n != h.Size() || b.String() != want {
		t.Errorf("WriteTo wrote %q, %d of %d, %v", b.String(), n, h.Size(), err)
	}
}

func TestSplitMessageOddInput(t *testing.T) {
	for _, tc := range []struct {
		name, in, header, body string
	}{
		{"empty", "", "", ""},
		{"no header", "\nbody", "", "body"},
		{"no body", "A: b\n", "A: b\r\n", ""},
		{"no end of line", "A: b", "A: b\r\n", ""},
		{"bare LF", "A: b\n c\n\nx\ny", "A: b\r\n c\r\n", "x\ny"},
		{"starts with a continuation", " folded\nA: b\n\nx", "", " folded\nA: b\n\nx"},
		{"line without a colon", "A: b\nnot a field\nC: d\n\nx", "A: b\r\n", "not a field\nC: d\n\nx"},
		{"space in the name", "A: b\nC d: e\n\nx", "A: b\r\n", "C d: e\n\nx"},
		{"no name", ": b\n\nx", "", ": b\n\nx"},
		{"8-bit name", "A: b\n\xe4: b\n\nx", "A: b\r\n", "\xe4: b\n\nx"},
	} {
		h, body := mail.SplitMessage([]byte(tc.in))
		if string(h.AppendTo(nil)) != tc.header || string(body) != tc.body {
			t.Errorf("%s: header %q body %q, want %q and %q", tc.name, h.AppendTo(nil), body, tc.header, tc.body)
		}
	}
}

func TestHeader(t *testing.T) {
	h := mail.Header{{Name: "To", Value: " a"}, {Name: "Bcc", Value: " b"}, {Name: "TO", Value: " c"}}
	if got := h.All("to"); len(got) != 2 || got[1].Text() != "c" {
		t.Errorf("All: %v", got)
	}
	if h.Get("cc") != "" || h.Has("cc") || !h.Has("BCC") {
		t.Error("Get or Has is wrong")
	}
	if got := string(h.Without("bcc", "x").AppendTo(nil)); got != "To: a\r\nTO: c\r\n" {
		t.Errorf("Without: %q", got)
	}
	if len(h) != 3 {
		t.Error("Without changed its receiver")
	}
}

func TestEnvelopeHasArg(t *testing.T) {
	e := mail.Envelope{Args: []string{"BODY=8BITMIME", "smtputf8"}}
	if !e.HasArg("SMTPUTF8") || !e.HasArg("body") || e.HasArg("BOD") || e.HasArg("RET") {
		t.Error("HasArg is wrong")
	}
}

// FuzzSplitMessage checks that splitting loses nothing but the ends of lines.
func FuzzSplitMessage(f *testing.F) {
	for _, seed := range []string{"A: b\r\n c\r\n\r\nbody", "\n", "A:\n \n\n", "A\x00: b\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body := mail.SplitMessage(b)
		if !bytes.HasSuffix(b, body) {
			t.Fatalf("the body %q is not the end of %q", body, b)
		}
		again, rest := mail.SplitMessage(append(h.AppendTo(nil), '\r', '\n'))
		if len(rest) != 0 || !bytes.Equal(again.AppendTo(nil), h.AppendTo(nil)) {
			t.Fatalf("header of %q is read again as %q, %q", b, again, rest)
		}
	})
}
