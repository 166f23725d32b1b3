package scripted_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// lean returns the least that the program can work with.
func lean() scripted.Terms {
	return scripted.Terms{
		Version: 6,
		Actions: scripted.AddHeaders | scripted.ChangeHeaders | scripted.ChangeBody | scripted.DelRecipients,
		Steps:   scripted.LeadingSpace,
	}
}

// tooFewTerms offers less than is needed for a copy that is safe: no mail may be taken.
func tooFewTerms(t *testing.T, b *bench) {
	without := func(change func(*scripted.Terms)) scripted.Terms {
		terms := scripted.Everything()
		change(&terms)
		return terms
	}
	for name, terms := range map[string]scripted.Terms{
		"nothing":              {},
		"version 5":            without(func(t *scripted.Terms) { t.Version = 5 }),
		"no new fields":        without(func(t *scripted.Terms) { t.Actions &^= scripted.AddHeaders }),
		"no changed fields":    without(func(t *scripted.Terms) { t.Actions &^= scripted.ChangeHeaders }),
		"no new body":          without(func(t *scripted.Terms) { t.Actions &^= scripted.ChangeBody }),
		"no deleted recipient": without(func(t *scripted.Terms) { t.Actions &^= scripted.DelRecipients }),
		"no leading space":     without(func(t *scripted.Terms) { t.Steps &^= scripted.LeadingSpace }),
	} {
		if _, err := scripted.Negotiate(b.dial(t), terms); !errors.Is(err, scripted.ErrHungUp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tooLarge sends a message over the limit, where the program may ask to be spared the rest and where it may not. The next
// message is not harmed.
func tooLarge(t *testing.T, b *bench) {
	piece := bytes.Repeat([]byte("So much text has nobody ever read.\r\n"), 1800)
	everyAnswer := scripted.Everything()
	everyAnswer.Steps &^= scripted.SilentBody
	for _, terms := range []scripted.Terms{scripted.Everything(), everyAnswer, lean()} {
		c, err := scripted.Negotiate(b.dial(t), terms)
		said(t, err)
		greet(t, c, trusted)
		l := b.write("bob@example.net")
		envelope(t, c, l)
		shown(t, c, l.header())
		answer := scripted.Continue
		for n := 0; n < 20 && answer == scripted.Continue; n++ {
			a, err := c.Body(piece)
			said(t, err)
			answer = a.Code
		}
		if spared := terms == everyAnswer; spared != (answer == scripted.Skip) {
			t.Errorf("the last piece is answered with %c", answer)
		}
		edits, a, err := c.EndOfMessage(nil)
		wants(t, scripted.ReplyCode)(a, err)
		if len(edits) > 0 || !strings.HasPrefix(a.Reply, "552 5.3.4 ") {
			t.Errorf("a message that is too large: %s and %d changes", a.Reply, len(edits))
		}
		next := b.write("bob@example.net", "erin@example.com")
		envelope(t, c, next)
		keeps(t, content(t, c, next), next, l)
		said(t, c.Quit())
	}
}
