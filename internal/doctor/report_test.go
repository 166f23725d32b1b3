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

// TestReportNamesTheFile has a configuration that is not the default one.
func TestReportNamesTheFile(t *testing.T) {
	for mend, want := range map[string]string{
		"sealmilter keys generate a@example.org; or sealmilter setup postfix": "sealmilter -c '/a b.toml' keys generate a@example.org; or sealmilter -c '/a b.toml' setup postfix",
		"sealmilter check -c /other.toml":                                     "sealmilter check -c /other.toml",
		"chown -R sealmilter: /x, and restart sealmilter":                     "chown -R sealmilter: /x, and restart sealmilter",
	} {
		if got := (Program{ConfigFile: "/a b.toml"}).withFile(mend); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := (Program{}).withFile(mend); got != mend {
			t.Errorf("%q, want %q", got, mend)
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
