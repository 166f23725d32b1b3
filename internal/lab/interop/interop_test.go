package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestComparePage(t *testing.T) {
	const frame = "# Page\n" + tablesBegin + "%\n" + tablesEnd + "The end.\n"
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte(strings.Replace(frame, "%", "same\nold", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := comparePage(page, "same\nold\n", false); err != nil {
		t.Error(err)
	}
	different := new(DifferentError)
	if err := comparePage(page, "same\nnew\n", false); !errors.As(err, &different) || !slices.Equal(different.Lines, []string{"- old", "+ new"}) {
		t.Errorf("another table: %v", err)
	}
	if err := comparePage(page, "old\nsame\n", false); !errors.As(err, &different) {
		t.Errorf("another order: %v", err)
	}
	if err := comparePage(page, "same\nnew\n", true); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(page)
	if err != nil || string(text) != strings.Replace(frame, "%", "same\nnew", 1) {
		t.Errorf("the page becomes\n%s, %v", text, err)
	}
	if err := os.WriteFile(page, []byte("# Page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := comparePage(page, "same\n", true); err == nil {
		t.Error("a page without a place for tables is taken")
	}
}

func TestCell(t *testing.T) {
	one, other := &fault{"Subject not shown", "detail"}, &fault{"text not shown", ""}
	for _, tc := range []struct {
		err  error
		v6   bool
		want string
	}{
		{nil, false, "yes"},
		{nil, true, "yes"},
		{errors.Join(nil, nil), false, "yes"},
		{one, false, "no: Subject not shown"},
		{errors.Join(nil, one, errors.Join(other, one)), false, "no: Subject not shown; text not shown"},
		{one, true, "cannot (v6)"},
	} {
		if got, err := cell(tc.v6, tc.err); err != nil || got != tc.want {
			t.Errorf("%v is %q, %v", tc.err, got, err)
		}
	}
	if got, err := cell(true, errors.Join(one, os.ErrNotExist)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is no fault of the message is %q, %v", got, err)
	}
}

// Somebody answers at the terminal, and a program that only looks at a terminal finds one.
func TestOnTerminal(t *testing.T) {
	const script = `test -t 0 && test -t 1 || exit 3; printf 'Name? '; read -r name </dev/tty; echo "Hello $name"; stty size`
	screen, err := onTerminal(exec.Command("sh", "-c", script), answer{"Name?", "Ada\n"})
	if err != nil || !strings.Contains(screen, "Hello Ada") || !strings.Contains(screen, "60 250") {
		t.Errorf("%q, %v", screen, err)
	}
	if _, err := onTerminal(exec.Command("false"), answer{}); err == nil {
		t.Error("a program that fails is taken for one that did not")
	}
}

// The thinnest path: every letter can be composed in every form, shows nothing to those on the way, and holds what was
// submitted.
func TestCompose(t *testing.T) {
	all, err := letters(func(entity) (string, error) { return "-----BEGIN PGP SIGNATURE-----\r\n", nil })
	if err != nil {
		t.Fatal(err)
	}
	who, err := newCorrespondents(t.Context(), t.Output(), common)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		samples, err := compose(usual(), who, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			if err := checkHidden(s); err != nil {
				t.Error(err)
			}
		}
		s := samples[signed]
		if err := errors.Join(checkContent(s.raw, s), checkSubject(s.raw, s)); err == nil {
			t.Errorf("%s: the message with its signature is taken for what is signed", l.name)
		}
		shown := *samples[sealed]
		shown.raw = append([]byte("Subject: "+l.subject+"\r\n"), shown.raw...)
		if checkHidden(&shown) == nil {
			t.Errorf("%s: the Subject may be seen", l.name)
		}
	}
}
