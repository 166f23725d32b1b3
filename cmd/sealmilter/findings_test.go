package main

import (
	"strings"
	"testing"

	"sealmilter/internal/wiring"
)

// TestFindingIsNoTerminalsCommand has in a finding what others may have said.
func TestFindingIsNoTerminalsCommand(t *testing.T) {
	var out strings.Builder
	cmd, _ := newRoot()
	cmd.SetOut(&out)
	r := newReport(cmd, false)
	r.Findings([]wiring.Finding{{State: wiring.Warning, Topic: "daemon", Detail: "a\x1b]0;b\a\r\nok       all: well \u202e\u009b\xff", Mend: "c\x1b[2J\nd"}})
	want := "warning  daemon: a\ufffd]0;b\ufffd\ufffd ok       all: well \ufffd\ufffd\ufffd\n         -> c\ufffd[2J d\n"
	if out.String() != want || r.Errors() != 0 {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
