package lab_test

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]struct{ path, args string }{
		"TO:<bob@example.net>":                {"<bob@example.net>", ""},
		"to: <bob@example.net>  NOTIFY=NEVER": {"<bob@example.net>", "NOTIFY=NEVER"},
		`TO:<"a>b"@example.net> A=1 B=2`:      {`<"a>b"@example.net>`, "A=1 B=2"},
		`TO:<"a\">b"@example.net>`:            {`<"a\">b"@example.net>`, ""},
		"TO:<>":                               {"<>", ""},
		"TO:<bob@example.net":                 {},
		"TO:bob@example.net":                  {},
		"FROM:<bob@example.net>":              {},
		"":                                    {},
	} {
		path, args, ok := lab.ParsePath(text, "TO:")
		if path != want.path || strings.Join(args, " ") != want.args || ok != (want.path != "") {
			t.Errorf("%q: %q %q %v", text, path, args, ok)
		}
	}
}

func TestReadData(t *testing.T) {
	for sent, want := range map[string]string{
		".\r\n":                        "",
		"a\r\n..\r\n...b\r\n.\r\nQUIT": "a\r\n.\r\n..b\r\n",
		"a\n.\r\n.\r\n":                "a\n.\r\n",
		"a\n..\n.\nb\r\n.\r\n":         "a\n..\n.\nb\r\n",
	} {
		if got, err := lab.ReadData(bufio.NewReader(strings.NewReader(sent))); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", sent, got, err)
		}
	}
	for _, sent := range []string{"", "a\r\n", "a\r\n.", ".\n"} {
		if got, err := lab.ReadData(bufio.NewReader(strings.NewReader(sent))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %q, %v", sent, got, err)
		}
	}
}
