package scripted_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"sealmilter/internal/lab/scripted"
)

func TestApply(t *testing.T) {
	deleted := func(name string, index int) scripted.Edit {
		return scripted.Edit{Code: scripted.ChangeField, Index: index, Name: name}
	}
	piece := func(text string) scripted.Edit { return scripted.Edit{Code: scripted.ReplaceBody, Text: text} }
	const head, all = "A: 1\r\nB: 1\r\na: 2\r\n\r\n", "A: 1\r\nB: 1\r\na: 2\r\n\r\nold\r\n"
	for name, change := range map[string]struct {
		edits             []scripted.Edit
		postfix, sendmail string // "" for a violation
	}{
		"nothing":                {nil, all, all},
		"the first two down":     {[]scripted.Edit{deleted("A", 2), deleted("A", 1)}, "B: 1\r\n\r\nold\r\n", "B: 1\r\n\r\nold\r\n"},
		"the first two up":       {[]scripted.Edit{deleted("A", 1), deleted("A", 2)}, "", "B: 1\r\n\r\nold\r\n"},
		"the first twice":        {[]scripted.Edit{deleted("A", 1), deleted("A", 1)}, "B: 1\r\n\r\nold\r\n", ""},
		"one that is not there":  {[]scripted.Edit{deleted("C", 1)}, "", ""},
		"number nought":          {[]scripted.Edit{deleted("B", 0)}, "", ""},
		"a new value":            {[]scripted.Edit{{Code: scripted.ChangeField, Index: 2, Name: "A", Value: " x\n y"}}, "A: 1\r\nB: 1\r\nA: x\r\n y\r\n\r\nold\r\n", "A: 1\r\nB: 1\r\nA: x\r\n y\r\n\r\nold\r\n"},
		"one more at the end":    {[]scripted.Edit{{Code: scripted.AddField, Name: "C", Value: " 1"}}, "A: 1\r\nB: 1\r\na: 2\r\nC: 1\r\n\r\nold\r\n", "A: 1\r\nB: 1\r\na: 2\r\nC: 1\r\n\r\nold\r\n"},
		"one more at the top":    {[]scripted.Edit{{Code: scripted.InsertField, Name: "C", Value: " 1"}}, "C: 1\r\n" + all, "C: 1\r\n" + all},
		"a body in pieces":       {[]scripted.Edit{piece("a\n"), piece("b\r\nc"), piece("\n")}, head + "a\r\nb\r\nc\r\n", head + "a\r\nb\r\nc\r\n"},
		"no body":                {[]scripted.Edit{piece("")}, head, head},
		"a line end in two":      {[]scripted.Edit{piece("a\r"), piece("\nb")}, "", ""},
		"a recipient less":       {[]scripted.Edit{{Code: scripted.DeleteRecipient, Text: "<Bob@example.net>"}}, all, all},
		"a recipient misspelled": {[]scripted.Edit{{Code: scripted.DeleteRecipient, Text: "<bob@example.net>"}}, "", ""},
		"a recipient gone":       {[]scripted.Edit{{Code: scripted.DeleteRecipient, Text: "<Bob@example.net>"}, {Code: scripted.DeleteRecipient, Text: "<Bob@example.net>"}}, "", ""},
	} {
		for style, want := range map[scripted.Style]string{scripted.LikePostfix: change.postfix, scripted.LikeSendmail: change.sendmail} {
			m := scripted.Message{
				Header:     []scripted.Field{{Name: "A", Value: " 1"}, {Name: "B", Value: " 1"}, {Name: "a", Value: " 2"}},
				Body:       []byte("old\r\n"),
				Recipients: []scripted.Recipient{{Path: "<Bob@example.net>"}, {Path: "<erin@example.com>"}, {Path: "<Bob@example.net>"}},
			}
			err := m.Apply(change.edits, style)
			if want == "" && !errors.Is(err, scripted.ErrProtocol) || want != "" && (err != nil || string(m.Bytes()) != want) {
				t.Errorf("%s, %v: %v\n%q", name, style, err, m.Bytes())
			}
			if name == "a recipient less" && len(m.Recipients) != 1 {
				t.Errorf("left are %v", m.Recipients)
			}
		}
	}
}

func TestDeletionOfQuotedRecipients(t *testing.T) {
	for style, want := range map[scripted.Style]int{scripted.LikePostfix: 1, scripted.LikeSendmail: 2} {
		for _, path := range []string{`<"bob"@example.net>`, `<bob@example.net>`} {
			m := scripted.Message{Recipients: []scripted.Recipient{{Path: "<bob@example.net>"}, {Path: `<"bob"@example.net>`}, {Path: "<BOB@example.net>"}}}
			err := m.Apply([]scripted.Edit{{Code: scripted.DeleteRecipient, Text: path}}, style)
			if err != nil || len(m.Recipients) != want {
				t.Errorf("%v without %s: %v, %v", style, path, m.Recipients, err)
			}
		}
	}
	if err := new(scripted.Message).Apply(nil, 0); err == nil {
		t.Error("an MTA without a style")
	}
}

func TestPieces(t *testing.T) {
	body := make([]byte, 150000)
	for _, places := range [][]int{nil, {0}, {1, 2, 3}, {65535, 65536}, {100000}, {150000}} {
		pieces := scripted.Pieces(body, places...)
		var ends []int
		end := 0
		for _, p := range pieces {
			if len(p) == 0 || len(p) > 65535 {
				t.Errorf("%v: a piece of %d octets", places, len(p))
			}
			end += len(p)
			ends = append(ends, end)
		}
		for _, place := range places {
			if place > 0 && !slices.Contains(ends, place) {
				t.Errorf("no piece ends at %d: %s", place, fmt.Sprint(ends))
			}
		}
		if end != len(body) {
			t.Errorf("%v: %d octets in all", places, end)
		}
	}
}
