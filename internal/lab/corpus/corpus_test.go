package corpus

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// importing marks a process of the test program that imports one file.
const importingMark = "SEALMILTER_CORPUS_IMPORT"

func TestMain(m *testing.M) {
	if os.Getenv(importingMark) == "" {
		os.Exit(m.Run())
	}
	if err := Import(context.Background(), os.Args[1], os.Args[2], time.Now, rand.Reader, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runOver judges a folder, and returns the results by name.
func runOver(t *testing.T, folder string, settings ...Setting) map[string]Result {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	results := make(map[string]Result)
	// The race detector takes many times the processor time and memory.
	limits := Limits{CPU: 10 * DefaultLimits.CPU, Memory: 4 * DefaultLimits.Memory}
	err = Run(t.Context(), Config{Folder: folder, Settings: settings, Importer: []string{"env", importingMark + "=1", program},
		Limits: limits, Workers: 2, Now: time.Now, Rand: rand.Reader, Report: func(r Result) { results[r.Kind+" "+r.Name] = r }})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// refusals are what of the own corpus cannot be carried, and why.
var refusals = map[string]string{
	"message partial-8bit.eml":  "the message is of a type that must not be encoded and holds 8-bit octets, so it cannot be brought into 7-bit form",
	"keys garbage-without-name": "import keys: no OpenPGP key found: neither armored key blocks nor a binary keyring",
}

// TestOwnMail judges the messages in testdata and those that are made here.
func TestOwnMail(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata/mail")); err != nil {
		t.Fatal(err)
	}
	made := madeMail()
	for name, text := range made {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results := runOver(t, folder)
	if len(results) < 60+len(made) {
		t.Errorf("only %d results", len(results))
	}
	for name, r := range results {
		switch reason, refused := refusals[name]; {
		case refused && (r.Outcome != Refused || r.Reason != reason):
			t.Errorf("%s is %s: %q, want refused: %q", name, r.Outcome, r.Reason, reason)
		case !refused && r.Outcome != Verified:
			t.Errorf("%s is %s: %s\n\t%s", name, r.Outcome, r.Reason, strings.Join(r.Faults[:min(len(r.Faults), 5)], "\n\t"))
		}
	}
}

// madeMail are messages with octets that no editor shows, and big ones.
func madeMail() map[string]string {
	const head = "From: Ada <ada@shop.example>\r\nTo: ben@mill.example\r\nSubject: parsnip forecast\r\nMIME-Version: 1.0\r\n"
	leaf := func(typ, encoding, body string) string {
		return head + "Content-Type: " + typ + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body
	}
	parts := func(n int, body string) string {
		return head + "Content-Type: multipart/mixed; boundary=many\r\n\r\n" + strings.Repeat("--many\r\n\r\n"+body+"\r\n", n) + "--many--\r\n"
	}
	deep := "Content-Type: text/plain; charset=utf-8\r\n\r\nd\xc3\xa9ep \r\n"
	for i := range 60 {
		deep = fmt.Sprintf("Content-Type: multipart/mixed; boundary=level%d.\r\n\r\n--level%d.\r\n%s\r\n--level%d.--\r\n", i, i, deep, i)
	}
	forwards := strings.Repeat("Content-Type: message/rfc822\r\n\r\nFrom: ada@shop.example\r\nX-F\xc3\xbcr: x\r\n", 30) + "\r\ntext \r\n"
	octets := make([]byte, 256*40)
	for i := range octets {
		octets[i] = byte(i * i / 7)
	}
	return map[string]string{
		"control-characters.eml": leaf("text/plain", "8bit", "a bare CR \r here\r\rand there\r\na NUL \x00 \x00\r\n\x1b[0m\x7f\x0c\r\n"),
		"bare-cr-ends-lines.eml": leaf("text/plain", "7bit", "as an old\rMacintosh\rwrote it\r"),
		"nul-only.eml":           leaf("text/plain", "binary", strings.Repeat("\x00", 3000)),
		"octets-8bit.eml":        leaf("application/octet-stream", "8bit", strings.ReplaceAll(string(octets), "\r\n", "xx")),
		"octets-binary.eml":      leaf("image/jpeg; name=p.jpg", "binary", string(octets)),
		"octets-no-encoding.eml": leaf("audio/basic", "", string(octets)),
		"latin1.eml":             leaf("text/plain; charset=iso-8859-1", "8bit", "Gr\xfc\xdfe aus K\xf6ln \xa4\r\n"),
		"latin1-unlabelled.eml":  head + "\r\nGr\xfc\xdfe \r\n",
		"iso-2022-jp.eml":        leaf("text/plain; charset=iso-2022-jp", "7bit", "\x1b$B$3$s$K$A$O\x1b(B \r\n"),
		"utf-16.eml":             leaf("text/plain; charset=utf-16", "binary", "\xff\xfeh\x00i\x00\r\x00\n\x00 \x00\n\x0a"),
		"utf-16-base64.eml":      leaf("text/html; charset=utf-16", "base64", "//5o AGkA\r\nDQAKAA== \r\n"),
		"long-line.eml":          leaf("text/plain", "7bit", strings.Repeat("x", 5000)+"\r\n"+strings.Repeat("From ", 300)+"\r\n"),
		"line-of-998.eml":        leaf("text/plain", "7bit", strings.Repeat("x", 998)+"\r\n"+strings.Repeat("y", 999)),
		"long-base64-line.eml":   leaf("application/pdf", "base64", strings.Repeat("QUJD", 500)+"\r\n"),
		"header-control.eml":     head + "X-A: a\rBcc: nobody@press.example\r\nX-B: \x00\r\nComments: c\x00d\r\n\r\ntext\r\n",
		"header-huge-word.eml":   head + "X-A: " + strings.Repeat("a", 50_000) + "\r\n\r\ntext\r\n",
		"header-many.eml":        head + strings.Repeat("X-Many: of us\r\n", 3000) + "\r\ntext\r\n",
		"header-recipients.eml":  head + "Cc: " + strings.Repeat("somebody@department.example,\r\n ", 2000) + "z@mill.example\r\n\r\ntext\r\n",
		"header-latin1.eml":      strings.Replace(head, "parsnip", "Pastin\xe4ken", 1) + "X-Name: \xe4 \xe4\r\n\r\ntext\r\n",
		"parts-1000.eml":         parts(1000, "p\xc3\xa4rt "),
		"parts-5500.eml":         parts(5500, "part"),
		"parts-none.eml":         head + "Content-Type: multipart/mixed; boundary=none\r\n\r\n",
		"deep.eml":               head + deep,
		"forwards.eml":           head + forwards,
		"boundary-long.eml":      head + "Content-Type: multipart/mixed; boundary=\"" + strings.Repeat("=", 1500) + "\"\r\n\r\n--" + strings.Repeat("=", 1500) + "\r\n\r\ntext \r\n--" + strings.Repeat("=", 1500) + "--\r\n",
		"partial-8bit.eml":       leaf("message/partial; id=a; number=1; total=1", "8bit", "h\xc3\xa4lf\r\n"),
		"uuencode-8bit.eml":      leaf("text/plain", "x-uuencode", "begin 644 gr\xfcn.txt\r\n%:&5L;&\\ \r\n`\r\nend\r\n"),
		"mixed-line-ends.eml":    leaf("text/plain", "7bit", "one\ntwo\r\nthree\n"),
		"one-octet.eml":          "x",
		"nothing.eml":            "",
		"only-line-ends.eml":     "\r\n\r\n\r\n",
		"mailbox.mbox":           "From ada@shop.example Tue Mar  3 09:00:00 2026\r\n" + head + "\r\n>From the first\r\n\r\nFrom ben@mill.example Tue Mar  3 09:00:00 2026\r\n" + head + "\r\nthe second\r\n",
		"garbage-without-name":   "\x01\x02\x03 no header: \xff\xfe\r\n\x00",
	}
}

// TestOwnKeys judges certificates that are made here, and what is none.
func TestOwnKeys(t *testing.T) {
	folder := t.TempDir()
	want := writeKeys(t, folder)
	results := runOver(t, folder)
	for name, outcome := range want {
		r, found := results["keys "+name]
		if !found || r.Outcome != outcome.Outcome || r.Usable != outcome.Usable || !strings.Contains(r.Reason, outcome.Reason) {
			t.Errorf("%s is %s, %d usable: %s %q\nwant %s, %d usable: %s", name, r.Outcome, r.Usable, r.Reason, r.Faults,
				outcome.Outcome, outcome.Usable, outcome.Reason)
		}
	}
	if len(results) < len(want) {
		t.Errorf("%d results for %d files", len(results), len(want))
	}
}

// TestRunNamesWhatFails feeds the judges with what they must not let pass.
func TestRunNamesWhatFails(t *testing.T) {
	for _, tc := range []struct {
		name       string
		sent, got  string
		wantFaults string
	}{
		{"the same", "Content-Type: text/plain\n\na\n", "Content-Type: text/plain\r\n\r\na\r\n", ""},
		{"other text", "\na", "\nb", `has other content`},
		{"a line end more", "\na\n", "\na\n\n", `has other content`},
		{"a part less", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b\n\nb\n--b--", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b--", "has become a )"},
		{"another type", "Content-Type: text/html\n\na", "\na", "has become a text/plain"},
		{"another charset", "Content-Type: text/plain; charset=utf-8\n\na", "\na", "has the charset"},
		{"another name", "Content-Disposition: x; filename=a\n\na", "Content-Disposition: x; filename=b\n\na", "is called"},
		{"octets with other line ends", "Content-Type: image/png\n\na\nb", "Content-Type: image/png\r\n\r\na\r\nb", "has other content"},
	} {
		faults := strings.Join(compareLeaves(readEntity([]byte(tc.sent)).leaves(), readEntity([]byte(tc.got)).leaves()), "; ")
		if tc.wantFaults == "" && faults != "" || !strings.Contains(faults, tc.wantFaults) {
			t.Errorf("%s: %s", tc.name, faults)
		}
	}
	for text, want := range map[string]string{
		"a\r\nb": "", "a \r\n": "a blank", "From a": "begins with From", "\xe4": "8-bit", "a\nb": "bare LF", "a\x00": "NUL", "a\rb": "bare CR",
		strings.Repeat("x", 999): "999 octets",
	} {
		faults := strings.Join(lineFaults([]byte(text), nil, nil), "; ")
		if want == "" && faults != "" || !strings.Contains(faults, want) {
			t.Errorf("%q: %s", text, faults)
		}
	}
	sent := readEntity([]byte("Subject: unspeakable\r\nFrom: ada@shop.example\r\n\r\nunmentionable ada@shop.example\r\n"))
	for outside, want := range map[string]string{"nothing": "", "UNSPEAKABLE": "unspeakable", "an unmentionable thing": "unmentionable", "ada@shop.example": ""} {
		if got := secretsOf(sent).shown([]byte(outside), nil); got != want {
			t.Errorf("outside %q: %q", outside, got)
		}
	}
	revoked := &listed{validity: "r", keys: map[string]string{"A": "e"}, userIDs: []listedUserID{{"r", "a <a@b.example>"}}}
	if faults := revoked.contradicts("a@b.example", []string{"A"}); len(faults) != 3 {
		t.Errorf("revoked three times: %q", faults)
	}
}

// TestMailboxIsSplit cuts only where a message can begin.
func TestMailboxIsSplit(t *testing.T) {
	const postmark = "From a@b.example Tue Mar  3 09:00:00 2026\n"
	for text, want := range map[string][]string{
		"Subject: a\n\n" + postmark:                            {"Subject: a\n\n" + postmark},
		postmark + "X: 1\n\nFrom me\n\n" + postmark + "X: 2\n": {"X: 1\n\nFrom me\n\n", "X: 2\n"},
		postmark + "X: 1\n\ntext\n" + postmark:                 {"X: 1\n\ntext\n" + postmark},
	} {
		var got []string
		for _, m := range splitMailbox([]byte(text)) {
			got = append(got, string(m))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestLimitsEndAProcess has processes that would never end, or take all memory.
func TestLimitsEndAProcess(t *testing.T) {
	for _, tc := range []struct {
		limits Limits
		script string
		want   error
	}{
		{Limits{CPU: 50 * time.Millisecond, Memory: 1 << 30}, "while :; do :; done", errTooLong},
		{Limits{CPU: time.Minute, Memory: 50 << 20}, `x=$(head -c 150000000 /dev/zero | tr "\\0" a); while :; do :; done`, errTooMuch},
	} {
		if _, err := tc.limits.output(t.Context(), []string{"sh", "-c", tc.script}); err != tc.want {
			t.Errorf("%s: %v", tc.script, err)
		}
	}
	if out, err := DefaultLimits.output(t.Context(), []string{"echo", "a"}); err != nil || string(out) != "a\n" {
		t.Errorf("%q, %v", out, err)
	}
}
