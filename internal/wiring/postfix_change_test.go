package wiring

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"sealmilter/internal/config"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// TestWirePostfix holds the changes of each case of testdata/postfix to the diff, or the refusal, that is noted there; and
// the files that come out to needing no further change, to giving no error in a check, and to coming back as they were.
func TestWirePostfix(t *testing.T) {
	cases, err := filepath.Glob("testdata/postfix/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal(cases, err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = string(f.Data)
			}
			before := PostfixFiles{part["main.cf"], part["master.cf"]}
			if strings.Contains(string(archive.Comment), "no newline") {
				before.Main = strings.TrimSuffix(before.Main, "\n")
			}
			c := parseConfig(t, part["config"])
			after, err := postfixOf(before).Wire(before, c)
			got := Diff("main.cf", []byte(before.Main), []byte(after.Main)) + Diff("master.cf", []byte(before.Master), []byte(after.Master))
			if err != nil {
				got = "refused: " + err.Error() + "\n"
				if !errors.Is(err, ErrRefused) || after != before {
					t.Errorf("%v does not wrap ErrRefused, or there are changes", err)
				}
			}
			if *update {
				files := archive.Files[:0]
				for _, f := range archive.Files {
					if f.Name != "want" {
						files = append(files, f)
					}
				}
				archive.Files = append(files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != part["want"] {
				t.Errorf("it says\n%s\nnot\n%s", got, part["want"])
			}
			if err == nil {
				settled(t, before, after, c)
			}
		})
	}
}

// settled holds wired files to what the administrator relies on.
func settled(t *testing.T, before, after PostfixFiles, c *config.Config) {
	t.Helper()
	wired := postfixOf(after)
	if again, err := wired.Wire(after, c); err != nil || again != after {
		t.Errorf("a second time changes it, %v:\n%s%s", err, Diff("main.cf", []byte(after.Main), []byte(again.Main)), Diff("master.cf", []byte(after.Master), []byte(again.Master)))
	}
	for _, f := range wired.Check(c) {
		if f.State == Error {
			t.Errorf("the check finds %+v", f)
		}
	}
	edited := PostfixFiles{after.Main + "# a line of the administrator\n", after.Master + "# and another\n"}
	back := postfixOf(edited).Unwire(edited, before, c)
	for name, text := range map[string][2]string{"main.cf": {before.Main, back.Main}, "master.cf": {before.Master, back.Master}} {
		was, is := oneLine(withoutComments(text[0])), oneLine(withoutComments(text[1]))
		if was != is {
			t.Errorf("%s has become\n%s", name, Diff(name, []byte(text[0]), []byte(text[1])))
		}
	}
	if !strings.Contains(back.Main, "a line of the administrator") || !strings.Contains(back.Master, "and another") {
		t.Error("a line of the administrator is gone")
	}
}

// TestWireElsewhere has the configuration name other addresses after Postfix was wired: it becomes what it would be had they
// stood there from the start, and what was there before comes back all the same.
func TestWireElsewhere(t *testing.T) {
	const socket = "listen = 'unix:/var/spool/postfix/sealmilter/milter.sock'"
	for name, to := range map[string]string{
		"listen":  "listen = 'inet:127.0.0.1:18894'",
		"both":    "listen = 'inet:127.0.0.1:18894'\nreinject = '127.0.0.1:18026'",
		"socket":  socket,
		"nothing": "",
	} {
		for _, from := range []string{"", socket} {
			for _, main := range []string{
				"", "smtpd_milters = inet:127.0.0.1:11332\n", "smtpd_milters = inet:127.0.0.1:11332, inet:localhost:8891\n",
			} {
				before := PostfixFiles{main, "smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n  -o smtpd_milters=inet:127.0.0.1:8891\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n"}
				first, second := parseConfig(t, from), parseConfig(t, to)
				wire := func(files PostfixFiles, c *config.Config) PostfixFiles {
					t.Helper()
					after, err := postfixOf(files).Wire(files, c)
					if err != nil {
						t.Fatal(err)
					}
					return after
				}
				wired := wire(before, first)
				got, want := wire(wired, second), wire(before, second)
				if got != want {
					t.Errorf("%s from %q, %q:\n%s%s", name, from, main, Diff("main.cf", []byte(want.Main), []byte(got.Main)), Diff("master.cf", []byte(want.Master), []byte(got.Master)))
				}
				if back := postfixOf(wired).Unwire(wired, before, second); oneLine(back.Main) != oneLine(before.Main) || strings.Contains(back.Master, "sealmilter") {
					t.Errorf("%s from %q, %q: taken out it is\n%s", name, from, main, back.Main+back.Master)
				}
			}
		}
	}
}

func withoutComments(file string) string {
	var kept strings.Builder
	for _, e := range entries(file) {
		kept.WriteString(strings.NewReplacer("{", " ", "}", " ", ",", " ", " = ", "=").Replace(e.text) + "\n")
	}
	return kept.String()
}

// TestServicesInTheBlockStay has postconf(1) move a service of the administrator's behind the first mark, as it does when it
// changes the service that stands before it.
func TestServicesInTheBlockStay(t *testing.T) {
	before := PostfixFiles{Master: "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\ncleanup unix n - y - 0 cleanup\n"}
	c := config.Default()
	after, err := postfixOf(before).Wire(before, c)
	if err != nil {
		t.Fatal(err)
	}
	const mine = "submission inet n - y - - smtpd\n  -o syslog_name=postfix/mua\n"
	moved := after
	moved.Master = strings.Replace(after.Master, beginMark, beginMark+mine, 1)
	if back := postfixOf(moved).Unwire(moved, before, c); back.Master != before.Master+mine {
		t.Errorf("taken out it is\n%s", back.Master)
	}
	c.Reinject = "127.0.0.1:10099" // the block is made anew
	again, err := postfixOf(moved).Wire(moved, c)
	if err != nil || strings.Count(again.Master, mine) != 1 || strings.Contains(again.Master, "10026") || !strings.Contains(again.Master, "127.0.0.1:10099 inet") {
		t.Errorf("%v\n%s", err, again.Master)
	}
}
