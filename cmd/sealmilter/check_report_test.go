package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReportFail(t *testing.T) {
	for text, want := range map[string]string{
		"it is closed":                      "error    state: it is closed\n         -> open it\n",
		"it is closed; chmod it":            "error    state: it is closed\n         -> chmod it\n",
		"open: it; is closed; chmod it":     "error    state: open: it; is closed\n         -> chmod it\n",
		"it is closed; chmod it\nand wrong": "error    state: it is closed; chmod it; and wrong\n         -> open it\n",
	} {
		var out strings.Builder
		r := &checkReport{out: &out}
		r.fail("error", "state", errors.New(text), "open it")
		if out.String() != want || r.errors != 1 || r.end() == nil {
			t.Errorf("%q: %q", text, out.String())
		}
	}
}

// TestReportIsNoTerminalsCommand has in a finding what others may have said.
func TestReportIsNoTerminalsCommand(t *testing.T) {
	var out strings.Builder
	r := &checkReport{out: &out}
	r.add("warning", "daemon", "a\x1b]0;b\a\r\nok       all: well \u202e\u009b\xff", "c\x1b[2J\nd")
	want := "warning  daemon: a\ufffd]0;b\ufffd\ufffd ok       all: well \ufffd\ufffd\ufffd\n         -> c\ufffd[2J d\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
