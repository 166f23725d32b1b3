package pgpmime

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
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
	return d.body
}

// aliases reports whether a piece lies in the body.
func aliases(pieces crypto.Payload, body []byte) bool {
	return slices.ContainsFunc(pieces, func(p []byte) bool {
		return len(p) > 0 && bytes.Contains(body, p) && &body[bytes.Index(body, p)] == &p[0]
	})
}

// TestWhatIsNotCopied has a canonical part of every share of a message, the rest of which needs to be encoded.
func TestWhatIsNotCopied(t *testing.T) {
	const size = 256 << 10
	for _, tc := range []struct {
		name      string
		canonical int
		aliased   bool
	}{
		{"all", size, true},
		{"most", size * 9 / 10, true},
		{"half", size / 2, false},
		{"little", size / 20, false},
	} {
		random := make([]byte, size)
		rand.NewChaCha8([32]byte{1}).Read(random)
		var attachment []byte
		attachment = appendBase64(attachment, random)[:tc.canonical/78*78]
		body := []byte("--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + string(attachment) +
			"--b\r\nContent-Type: application/x\r\n\r\n" + string(random[:size-tc.canonical]) + "\r\n--b--\r\n")
		if tc.canonical == size {
			body = []byte("--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + string(attachment) + "--b--\r\n")
		}
		pieces := renderedBody(t, "Content-Type: multipart/mixed; boundary=b\r\n", body)
		if got := aliases(pieces, body); got != tc.aliased {
			t.Errorf("%s: aliases the message: %v", tc.name, got)
		}
		if !bytes.Contains(slices.Concat(pieces...), attachment) {
			t.Errorf("%s: the attachment has changed", tc.name)
		}
	}
}

// TestEncodingsInStrides compares bodies of every length near a stride, and with line ends across it, with the encoding
// of the whole.
func TestEncodingsInStrides(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		n := stride*(1+i%3) - 60 + source.IntN(120)
		body := make([]byte, n)
		for i := range body {
			body[i] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\r\xe4"[source.IntN(32)]
		}
		for at := stride - 3; at < min(n, stride+3); at++ {
			body[at] = "\r\nx"[source.IntN(3)]
		}
		for _, tc := range []struct {
			name string
			add  func(*rendered)
			want []byte
		}{
			{"crlf", func(r *rendered) { r.crlf(body) }, appendCRLF(nil, body)},
			{"quoted", func(r *rendered) { r.quoted(body, appendQuoted) }, appendQuoted(nil, body)},
			{"base64", func(r *rendered) { r.base64(body) }, appendBase64(nil, body)},
			{"base64 text", func(r *rendered) { r.base64Text(body) }, appendBase64(nil, appendCRLF(nil, body))},
			{"rewrapped", func(r *rendered) {
				r.rewrapped(bytes.ReplaceAll(appendBase64(nil, body), []byte("\r\n"), []byte(" \n\n")))
			}, appendBase64(nil, body)},
		} {
			r := &rendered{size: n}
			r.text("before")
			tc.add(r)
			r.text("after")
			if got := slices.Concat(r.settle()...); string(got) != "before"+string(tc.want)+"after" {
				t.Fatalf("%s: %d octets become %d, not %d", tc.name, n, len(got)-len("beforeafter"), len(tc.want))
			}
		}
	}
}

// TestOneLongLine has a body without any line end, which cannot be cut into lines.
func TestOneLongLine(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 1<<20)
	got := slices.Concat(renderedBody(t, "", body)...)
	if want := appendQuoted(nil, body); !bytes.Equal(got, want) {
		t.Errorf("%d octets, not %d", len(got), len(want))
	}
	zeros := make([]byte, 1<<20)
	pieces := renderedBody(t, "Content-Type: application/octet-stream\r\n", zeros)
	decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(slices.Concat(pieces...)), "\r\n", ""))
	if err != nil || !bytes.Equal(decoded, zeros) || len(pieces) < 1<<20/pieceSize {
		t.Errorf("%d octets in %d pieces, %v", len(decoded), len(pieces), err)
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
		if got := string(slices.Concat(renderedBody(t, "Content-Type: "+tc.contentType+"\r\n", []byte(tc.text))...)); got != tc.want {
			t.Errorf("%q becomes %q, not %q", tc.text, got, tc.want)
		}
	}
}

// TestContains cuts a text into pieces everywhere.
func TestContains(t *testing.T) {
	const text, word = "abcabcabcd abcde", "abcd"
	for cut := range text {
		for second := cut; second < len(text); second++ {
			pieces := crypto.Payload{[]byte(text[:cut]), []byte(text[cut:second]), nil, []byte(text[second:])}
			if !contains(pieces, []byte(word)) || !contains(pieces, []byte("abcde")) || contains(pieces, []byte("abcdef")) || contains(pieces, []byte("bcabcab d")) {
				t.Fatalf("%q", pieces)
			}
		}
	}
}
