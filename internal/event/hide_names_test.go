package event_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sealmilter/internal/event"
)

// TestNamesOfEventsStay with recipients who are called like words in them: alerts look for the name of an event, and where a token
// stood in its place, everybody could tell what it stands for.
func TestNamesOfEventsStay(t *testing.T) {
	h := event.NewHider(secret, false)
	for _, local := range []string{"copy", "encrypted", "encrypt", "local", "require", "pinned", "event", "sent"} {
		var out bytes.Buffer
		var seen event.Line
		log := event.NewLogger(&out, event.Options{Hide: h, Watch: func(l event.Line) { seen = l }})
		to := addr(t, local+"@example.net")
		event.CopyEncrypted.Log(event.With(log, event.QueueID("Q1")), event.To(to), event.Decision("encrypt"), event.Mode("require"), event.Source("local"),
			event.Trust("pinned"), event.Why("no word of "+local))
		line := out.String()
		for _, want := range []string{`"` + event.CopyEncrypted.Text() + `"`, " event=copy.encrypted ", " decision=encrypt ", " mode=require ", " source=local ", " trust=pinned ",
			"no word of " + h.Person(to.String())} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: without %s: %s", local, want, line)
			}
		}
		if seen.Event != event.CopyEncrypted.Name() || seen.Attrs["decision"] != "encrypt" || seen.Attrs["source"] != "local" {
			t.Errorf("%s: %+v", local, seen)
		}
	}
}

// TestOnlyKindsHaveASentenceThatStays: another program's line can have an address in everything.
func TestOnlyKindsHaveASentenceThatStays(t *testing.T) {
	var out bytes.Buffer
	log := event.NewLogger(&out, event.Options{Hide: event.NewHider(secret, false)})
	log.Info("no such user: bob@example.net", event.NameKey, "of.bob@example.net", "decision", "bob@example.net", "err", errors.New("bob@example.net"))
	if strings.Contains(out.String(), "bob") {
		t.Error(out.String())
	}
}
