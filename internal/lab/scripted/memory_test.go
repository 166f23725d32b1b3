package scripted_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/lab/scripted"
)

// load is what the program has to hold at the same time.
type load struct {
	name     string
	messages int
	octets   int // of the body of each
	body     func(octets int) (contentType string, body []byte)
	// The recipients of each message: named in To with a key, in Bcc with a key, and without a key.
	visible, hidden, keyless int
	settings                 string
}

// heavy are the loads of the goal for memory: mixed recipients, one message and several, shared data and not.
var heavy = []load{
	{"25MB", 1, 25 << 20, attached, 1, 0, 0, ""},
	{"25MBx20", 1, 25 << 20, attached, 12, 4, 4, ""},
	{"4x25MBx20", 4, 25 << 20, attached, 12, 4, 4, ""},
	{"4x25MBx20,share=false", 4, 25 << 20, attached, 12, 4, 4, "crypto.share = false\n"},
	{"4x25MBx20,latin", 4, 25 << 20, latin, 12, 4, 4, ""},
	{"4x25MBx20,cyrillic", 4, 25 << 20, cyrillic, 12, 4, 4, ""},
	{"4x25MBx20,binary", 4, 25 << 20, unencoded, 12, 4, 4, ""},
	{"300x90KBx6,cyrillic", 300, 90 << 10, cyrillic, 3, 2, 1, ""},
	{"10MBx1000", 1, 10 << 20, attached, 500, 300, 200, ""},
}

// attached is a message with an attachment in base64.
func attached(octets int) (string, []byte) {
	var b bytes.Buffer
	b.WriteString("--mixed\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n--mixed\r\nContent-Type: application/pdf\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n")
	random := rand.NewChaCha8([32]byte{})
	for line := make([]byte, 57); b.Len() < octets; {
		random.Read(line)
		b.WriteString(base64.StdEncoding.EncodeToString(line) + "\r\n")
	}
	b.WriteString("--mixed--\r\n")
	return "multipart/mixed; boundary=mixed", b.Bytes()
}

// latin is text of which some letters need to be encoded, and cyrillic text of which nearly all do.
func latin(octets int) (string, []byte) {
	return "text/plain; charset=utf-8", text("Die Größe der Übertragung hängt von der Länge ab, ob kurz oder lang.", octets)
}

func cyrillic(octets int) (string, []byte) {
	return "text/plain; charset=utf-8", text("Съешь же ещё этих мягких французских булок да выпей чаю.", octets)
}

func text(line string, octets int) []byte {
	return bytes.Repeat([]byte(line+"\r\n"), octets/(len(line)+2))
}

// unencoded is sent as it is by a client that trusts in 8BITMIME.
func unencoded(octets int) (string, []byte) {
	body := make([]byte, octets)
	rand.NewChaCha8([32]byte{}).Read(body)
	return "application/octet-stream", body
}

// BenchmarkMemory reports what the program takes at most beside what it takes at rest, in octets for each octet of mail
// in work, the peak in MiB, and the part of it that the goal allows.
func BenchmarkMemory(b *testing.B) {
	w := stock.NewWorld(b.Context(), b, stock.Build(b), false)
	for _, l := range heavy {
		b.Run(l.name, func(b *testing.B) {
			for range b.N {
				m := l.run(b, w)
				b.ReportMetric(m.ratio(), "octets/octet")
				b.ReportMetric(m.peak/(1<<20), "MiB")
				b.ReportMetric(m.rest/(1<<20), "MiB-at-rest")
				b.ReportMetric(m.peak/m.allowed(), "of-goal")
			}
		})
	}
}

// TestMemory is about memory alone: nothing of it depends on how long something takes.
func TestMemory(t *testing.T) {
	w := stock.NewWorld(t.Context(), t, stock.Build(t), false)
	for _, l := range []load{
		{"shared", 4, 8 << 20, attached, 3, 2, 1, ""},
		{"not shared", 4, 8 << 20, attached, 3, 2, 1, "crypto.share = false\n"},
		{"text", 4, 8 << 20, cyrillic, 3, 2, 1, ""},
		{"octets", 4, 8 << 20, unencoded, 3, 2, 1, ""},
		{"many recipients", 1, 2 << 20, attached, 40, 20, 10, ""},
	} {
		t.Run(l.name, func(t *testing.T) {
			if m := l.run(t, w); m.peak > m.allowed() {
				t.Errorf("%.1f MiB for %.1f MiB of mail, which is more than %.1f MiB", m.peak/(1<<20), m.inFlight/(1<<20), m.allowed()/(1<<20))
			} else {
				t.Logf("%.1f MiB for %.1f MiB of mail", m.peak/(1<<20), m.inFlight/(1<<20))
			}
		})
	}
}

// measurement is in octets.
type measurement struct{ rest, peak, inFlight float64 }

func (m measurement) ratio() float64 { return (m.peak - m.rest) / m.inFlight }

// allowed is the goal of the design.
func (m measurement) allowed() float64 { return 40<<20 + 3*m.inFlight }

// run has a fresh program carry the load, and reads the most memory that it ever had.
func (l load) run(t testing.TB, w *scenario.World) measurement {
	t.Helper()
	mta, err := startDiscard(w.Reinject, func() {})
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Serve(t.Context(), "memory", "senders.trust = [\"192.0.2.25\"]\n"+l.settings+l.keys())
	if err != nil {
		t.Fatal(err)
	}
	contentType, body := l.body(l.octets)
	m := measurement{rest: residentPeak(t, p)}
	ready := make([]func() error, l.messages)
	for i := range ready {
		var octets int
		if octets, ready[i], err = l.bring(t, w, i, contentType, body); err != nil {
			t.Fatal(err)
		}
		m.inFlight += float64(octets)
	}
	var group errgroup.Group
	for _, end := range ready {
		group.Go(end)
	}
	if err := group.Wait(); err != nil {
		t.Errorf("%v\n%.4000s", err, p.Log())
	}
	m.peak = residentPeak(t, p)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), labtest.Patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	if copies := int64(l.messages * (l.visible + l.hidden + l.keyless - 1)); mta.taken.Load() != copies {
		t.Errorf("%d copies have left, not %d\n%.4000s", mta.taken.Load(), copies, p.Log())
	}
	if err := mta.close(); err != nil {
		t.Error(err)
	}
	return m
}

// keys gives everybody bob's key who needs one.
func (l load) keys() string {
	lines := "[keys.map]\n"
	for _, to := range l.recipients() {
		if strings.HasSuffix(to, "@keyed.example") {
			lines += fmt.Sprintf("%q = \"bob@example.net\"\n", to)
		}
	}
	return lines
}

func (l load) recipients() (all []string) {
	for i := range l.visible {
		all = append(all, fmt.Sprintf("to%d@keyed.example", i))
	}
	for i := range l.hidden {
		all = append(all, fmt.Sprintf("bcc%d@keyed.example", i))
	}
	for i := range l.keyless {
		all = append(all, fmt.Sprintf("plain%d@example.com", i))
	}
	return all
}

// bring sends all of a message but its end, which the function does that it returns.
func (l load) bring(t testing.TB, w *scenario.World, n int, contentType string, body []byte) (octets int, end func() error, err error) {
	c := (&bench{world: w}).connect(t, trusted)
	to := l.recipients()
	message := letter{id: fmt.Sprintf("<memory-%d@client.example>", n), secret: fmt.Sprint("memory-", n), to: to}
	envelope(t, c, message)
	message.to = to[:l.visible]
	header := append(message.header(), scripted.Field{Name: "MIME-Version", Value: " 1.0"}, scripted.Field{Name: "Content-Type", Value: " " + contentType})
	var pieces [][]byte
	for rest := body; len(rest) > 0; {
		size := min(65535, len(rest))
		pieces, rest = append(pieces, rest[:size]), rest[size:]
	}
	shown(t, c, header, pieces...)
	for _, f := range header {
		octets += len(f.Name) + len(f.Value)
	}
	return octets + len(body), func() error {
		_, a, err := c.EndOfMessage(nil)
		if err == nil && a.Code != scripted.Continue {
			err = fmt.Errorf("the answer is %c %s", a.Code, a.Reply)
		}
		return err
	}, nil
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// residentPeak returns the most memory in octets that the program ever had in the machine's own.
func residentPeak(t testing.TB, p *lab.Process) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in\n%s", status)
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes * 1024
}
