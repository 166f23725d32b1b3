//go:build !race

package milter_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestAllocations bounds what the wire allocates for a message of 10 KiB whose header and body are replaced: the message
// itself, once, and some dozens of small things. The race detector allocates, too.
func TestAllocations(t *testing.T) {
	const mostObjects, mostOctets = 300, 64 << 10
	sealed := []byte(strings.Repeat("the sealed text of a message\r\n", 500))
	path := serve(t, &milter.Server{Begin: edits(&mail.Edit{
		Header: mail.Header{{Name: "From", Value: " alice@example.org"}, {Name: "Subject", Value: " [...]"}, {Name: "Autocrypt", Value: " addr=alice@example.org"}},
		Body:   bodyFunc(func(w io.Writer) (int64, error) { return bytes.NewReader(sealed).WriteTo(w) }),
	})})
	m := connect(t, path)
	var message []byte
	for _, e := range []frameOf{
		{'D', "M{auth_authen}\x00alice\x00"}, {'M', "<alice@example.org>\x00"}, {'D', "R{rcpt_addr}\x00bob@example.net\x00"}, {'R', "<bob@example.net>\x00"},
		{'L', "From\x00 alice@example.org\x00"}, {'L', "To\x00 bob@example.net\x00"}, {'L', "Subject\x00 secret\x00"}, {'L', "User-Agent\x00 client\x00"},
		{'L', "Date\x00 Mon, 2 Mar 2026 10:00:00 +0100\x00"}, {'L', "Message-ID\x00 <1@client.example>\x00"}, {'D', "Ni\x004QUEUE\x00"}, {'N', ""},
		{'B', strings.Repeat("0123456789abcde\n", 640)}, {'D', "Ei\x004QUEUE\x00"}, {'E', ""},
	} {
		message = append(message, rawFrame(e.code, e.data)...)
	}
	answer := make([]byte, 0, 64<<10)
	send := func() {
		if _, err := m.Write(message); err != nil {
			t.Fatal(err)
		}
		answer = answer[:0]
		for !bytes.HasSuffix(answer, []byte("\x00\x00\x00\x01c")) || len(answer) < len(sealed)/2 {
			n, err := m.Read(answer[len(answer):cap(answer)])
			if err != nil {
				t.Fatal(err)
			}
			answer = answer[:len(answer)+n]
		}
	}
	if objects := testing.AllocsPerRun(100, send); objects > mostObjects {
		t.Errorf("%.0f objects for a message, more than %d", objects, mostObjects)
	} else {
		t.Logf("%.0f objects for a message", objects)
	}
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		send()
	}
	runtime.ReadMemStats(&after)
	if octets := (after.TotalAlloc - before.TotalAlloc) / runs; octets > mostOctets {
		t.Errorf("%d octets for a message, more than %d", octets, mostOctets)
	} else {
		t.Logf("%d octets for a message", octets)
	}
}
