package wiring

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
)

// FuzzWirePostfix holds the changes of any files to being none the second time, and to leaving every other line alone.
func FuzzWirePostfix(f *testing.F) {
	f.Add("smtpd_milters = inet:localhost:8891\n", "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n")
	f.Add("a = b\n c\n#d\n e", "x inet n - - - - smtpd -o smtpd_milters=$a -o{b=c}\n")
	f.Add("smtpd_milters = { inet:127.0.0.1:8894", "pickup unix n - y 60 1 pickup -o { cleanup_service_name = sealcleanup")
	f.Add("", beginMark+endMark+beginMark)
	f.Fuzz(func(t *testing.T, main, master string) {
		before := PostfixFiles{main, master}
		c := config.Default()
		after, err := fuzzPostfix(before).Wire(before, c)
		if err != nil {
			return
		}
		again, err := fuzzPostfix(after).Wire(after, c)
		if err != nil || again != after {
			t.Errorf("the second time: %v\n%s%s", err, Diff("main.cf", []byte(after.Main), []byte(again.Main)), Diff("master.cf", []byte(after.Master), []byte(again.Master)))
		}
		for line := range strings.Lines(main) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") && !strings.Contains(after.Main, line) {
				t.Errorf("the comment %q is gone", line)
			}
		}
		fuzzPostfix(after).Check(c)
		fuzzPostfix(after).Unwire(after, before, c)
	})
}

// fuzzPostfix is what postconf(1) would say of files, nothing expanded.
func fuzzPostfix(files PostfixFiles) *Postfix {
	p := postfixOf(PostfixFiles{Master: files.Master})
	for _, e := range entries(files.Main) {
		if name, value, found := strings.Cut(e.text, "="); found {
			p.Main[strings.TrimSpace(name)] = oneLine(value)
		}
	}
	return p
}

// FuzzParsePostfix holds the parser of what postconf(1) prints to taking anything.
func FuzzParsePostfix(f *testing.F) {
	f.Add("mail_version = 3.7.11\ncompatibility_level = 0\n", "smtp inet n - - - - smtpd\n", "smtp/inet/smtpd_milters = inet:x:1\n")
	f.Add("=", "a b c d e f g h", "a/b/c/d = e")
	f.Fuzz(func(t *testing.T, main, services, overrides string) {
		p := ParsePostfix(main, services, overrides)
		p.Check(config.Default())
		p.ClientAddress()
	})
}
