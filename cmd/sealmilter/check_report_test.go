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
