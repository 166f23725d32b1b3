package doctor

import (
	"errors"
	"slices"
	"testing"

	"sealmilter/internal/wiring"
)

// collected returns a report whose findings are collected.
func collected() (*Report, *[]wiring.Finding) {
	var all []wiring.Finding
	return NewReport(Program{Version: "v1.2.3"}, func(f wiring.Finding) error {
		all = append(all, f)
		return nil
	}), &all
}

func TestReportFail(t *testing.T) {
	for text, want := range map[string][2]string{
		"it is closed":                      {"it is closed", "open it"},
		"it is closed; chmod it":            {"it is closed", "chmod it"},
		"open: it; is closed; chmod it":     {"open: it; is closed", "chmod it"},
		"it is closed; chmod it\nand wrong": {"it is closed; chmod it; and wrong", "open it"},
	} {
		r, found := collected()
		r.fail("error", "state", errors.New(text), "open it")
		if !slices.Equal(*found, []wiring.Finding{{State: wiring.Error, Topic: "state", Detail: want[0], Mend: want[1]}}) || r.Errors() != 1 || r.Err() != nil {
			t.Errorf("%q: %+v", text, *found)
		}
	}
}

// TestReportThatCannotBePrinted counts what was found, and says that nobody has seen it.
func TestReportThatCannotBePrinted(t *testing.T) {
	full := errors.New("no space left")
	r := NewReport(Program{}, func(wiring.Finding) error { return full })
	r.add("error", "state", "it is closed", "open it")
	if r.Errors() != 1 || !errors.Is(r.Err(), full) {
		t.Error(r.Errors(), r.Err())
	}
}
