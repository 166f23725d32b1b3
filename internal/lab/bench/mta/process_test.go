package mta

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	const numbers = "77 77 0 -1 4194304 1 0 0 0 11 22 33 44 20 0 1 0 5"
	for _, tc := range []struct {
		name, text string
		want       processState
		ok         bool
	}{
		{"plain", "80 (smtpd) S 79 " + numbers, processState{parent: 79, ticks: 110}, true},
		{"brackets and blanks in the name", "80 (a) S 1 (b) S 79 " + numbers, processState{parent: 79, ticks: 110}, true},
		{"cut off", "80 (smtpd) S 79 77 77", processState{}, false},
		{"no number", "80 (smtpd) S x " + numbers, processState{}, false},
		{"empty", "", processState{}, false},
	} {
		if got, ok := parseStat(tc.text); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestOwnProcessIsFound(t *testing.T) {
	if s, found := processes()[os.Getpid()]; !found || s.parent != os.Getppid() {
		t.Errorf("%+v, %v", s, found)
	}
}
