package gate

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/mail"
)

func closed(t testing.TB, key []byte, p *pass, body []byte) []byte {
	t.Helper()
	w, err := closePass(key, rand.Reader, p, body)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := w.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d of %d octets: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func TestPassKeepsAll(t *testing.T) {
	key := bytes.Repeat([]byte{7}, passKeySize)
	want := &pass{Origin: Authenticated, Login: "alice", User: "games", Client: netip.MustParseAddr("2001:db8::1"), ClientPort: 4711,
		Sender: `"a b"@example.org`, Promised: []string{"bob@example.net"}, QueueID: "4Q", At: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC),
		Header: mail.Header{{Name: "Subject", Value: " raw \xe4\r\n\tfolded"}, {Name: "X-Empty", Value: ""}}}
	for _, size := range []int{0, 1, passLine, passLine * 64, 300_000} {
		body := bytes.Repeat([]byte("\xfftext\x00\n"), size/7+1)[:size]
		armored := closed(t, key, want, body)
		got, err := openPass(key, armored)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.body, body) {
			t.Errorf("%d octets have become %d others", size, len(got.body))
		}
		got.body = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(armored), "\r\n"), "\r\n") {
			if len(line) > 76 || line == "" {
				t.Fatalf("a line of %d characters", len(line))
			}
		}
	}
}

// TestPassCannotBeMade changes each octet in turn, cuts and joins, and uses another key.
func TestPassCannotBeMade(t *testing.T) {
	key, other := bytes.Repeat([]byte{7}, passKeySize), bytes.Repeat([]byte{8}, passKeySize)
	armored := closed(t, key, &pass{Login: "alice", Sender: "alice@example.org"}, []byte("the text"))
	if bytes.Contains(armored, []byte("the text")) {
		t.Error("it can be read")
	}
	again := closed(t, key, &pass{Login: "alice", Sender: "alice@example.org"}, []byte("the text"))
	if bytes.Equal(armored, again) {
		t.Error("two passes are alike")
	}
	forged := [][]byte{nil, {}, []byte("\r\n"), []byte("text"), closed(t, other, &pass{Login: "alice"}, nil), armored[:len(armored)/2],
		append(bytes.Clone(armored), armored...), append(bytes.Clone(armored), "QUJD\r\n"...)}
	for i := range armored {
		changed := bytes.Clone(armored)
		switch changed[i] {
		case '\r', '\n':
			continue
		case 'A':
			changed[i] = 'B'
		default:
			changed[i] = 'A'
		}
		forged = append(forged, changed)
	}
	for _, b := range forged {
		// The last characters of base64 may stand for no octet at all.
		if p, err := openPass(key, b); err == nil && !bytes.Equal(p.body, []byte("the text")) {
			t.Errorf("%q was opened", b)
		}
	}
	if _, err := openPass(other, armored); err == nil {
		t.Error("it was opened with another key")
	}
	for _, short := range [][]byte{nil, key[:16]} {
		if _, err := closePass(short, rand.Reader, &pass{}, nil); err == nil {
			t.Errorf("a key of %d octets was taken", len(short))
		}
		if _, err := openPass(short, armored); err == nil {
			t.Errorf("a key of %d octets opens it", len(short))
		}
	}
}

func FuzzOpenPass(f *testing.F) {
	key := bytes.Repeat([]byte{7}, passKeySize)
	f.Add(closed(f, key, &pass{Login: "alice"}, []byte("text")))
	f.Add([]byte("AAAA\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := openPass(key, b); err == nil && p.Login != "alice" {
			t.Errorf("a pass for %q was made without the key", p.Login)
		}
	})
}
