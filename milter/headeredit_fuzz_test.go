package milter_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// FuzzHeaderEdits has any header become any other. What the models of both MTAs make of the edits is the new header, name
// by name, and nothing in an edit could be read as more than one field; or the message is refused.
func FuzzHeaderEdits(f *testing.F) {
	f.Add([]byte("Received: a\nSubject: b\nSubject: c\n"), []byte("SUBJECT: c\nX:\nReceived: a\n"))
	f.Add([]byte("A: 1\nA: 2\nA: 3\nB: 1\n"), []byte("a: 3\nb:1\n"))
	f.Add([]byte("A:\nA: \nA:\n\tx\n"), []byte("A: x\n y\nA:\n"))
	f.Add([]byte("A: 1\n"), []byte("A: 1\r\n"))
	f.Add([]byte("To: x\nBcc: a\nbcc: b\nBCC: c\n"), []byte("To: x\n"))
	f.Add([]byte("A: 1\n"), []byte("A: 1\rB: 2\n"))
	f.Add([]byte("A: 1\n"), []byte("A: 1\x00B: 2\n"))
	var next mail.Header
	server := &milter.Server{Log: slog.New(slog.DiscardHandler), Begin: func(context.Context, *mail.Envelope) (milter.Handler, error) {
		return handler{message: func(context.Context, *mail.Message) (*mail.Edit, error) { return &mail.Edit{Header: next}, nil }}, nil
	}}
	l := conversationSocket(f)
	go server.Serve(l)
	f.Cleanup(func() { server.Shutdown(context.Background()) })
	f.Fuzz(func(t *testing.T, before, after []byte) {
		old, _ := mail.SplitMessage(before)
		wanted, _ := mail.SplitMessage(after)
		if len(old) > 100 || len(wanted) > 100 || len(wanted) == 0 {
			return
		}
		next = wanted
		answers := headerEdited(t, l, old)
		answer := answers[len(answers)-1]
		switch {
		case unfit(wanted) && answer.code != 'y':
			t.Fatalf("%q becomes %q by %q", old, wanted, answers)
		case unfit(wanted) || unfit(old):
			return
		}
		if answer.code != 'c' {
			t.Fatalf("%q cannot become %q: %q", old, wanted, answers)
		}
		for _, renumbers := range []bool{true, false} {
			model := mtaHeader{fields: slices.Clone(old), gone: make([]bool, len(old)), renumbers: renumbers}
			for _, e := range answers[:len(answers)-1] {
				if err := model.apply(modification(t, e)); err != nil {
					t.Fatalf("%q to %q: %v", old, wanted, err)
				}
			}
			got, want := byName(model.fields, model.gone), byName(wanted, nil)
			if !sameValues(got, want) {
				t.Fatalf("%q to %q (renumbers %v): got %q by %q", old, wanted, renumbers, got, answers)
			}
		}
	})
}

// headerEdited sends a message with that header, and returns what comes back at its end.
func headerEdited(t *testing.T, l net.Listener, header mail.Header) []frameOf {
	t.Helper()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	events := []frameOf{{'O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"}, {'M', "<alice@example.org>\x00"}, {'R', "<bob@example.net>\x00"}}
	for _, f := range header {
		events = append(events, frameOf{'L', f.Name + "\x00" + strings.ReplaceAll(f.Value, "\r\n", "\n") + "\x00"})
	}
	var answers []frameOf
	for _, e := range append(events, frameOf{'N', ""}, frameOf{'E', ""}) {
		if _, err := conn.Write(rawFrame(e.code, e.data)); err != nil {
			t.Fatal(err)
		}
		if unanswered[e.code] != 0 { // as was offered
			continue
		}
		if answers = answersTo(conn, t.Errorf); len(answers) == 0 {
			t.Fatalf("%q is not answered", e)
		}
	}
	return answers
}

// modification reads a change of a field as an MTA does.
func modification(t *testing.T, e frameOf) lib.ModifyAction {
	t.Helper()
	m := lib.ModifyAction{Code: lib.ModifyActCode(e.code)}
	data := e.data
	if e.code == 'm' && len(data) > 4 {
		m.HeaderIndex, data = binary.BigEndian.Uint32([]byte(data)), data[4:]
	}
	words := strings.Split(data, "\x00")
	if len(words) != 3 || words[2] != "" {
		t.Fatalf("the change %q", e)
	}
	m.HeaderName, m.HeaderValue = words[0], words[1]
	for i, line := range strings.Split(m.HeaderValue, "\n") {
		if strings.Contains(line, "\r") || i > 0 && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			t.Fatalf("the change %q is of more than one field", e)
		}
	}
	return m
}

// sameValues compares the fields of each name. The MTAs end lines with LF, and have no empty values.
func sameValues(got, want map[string][]string) bool {
	if len(got) != len(want) {
		return false
	}
	for name, values := range want {
		same := slices.EqualFunc(got[name], values, func(a, b string) bool {
			a, b = strings.ReplaceAll(a, "\r\n", "\n"), strings.ReplaceAll(b, "\r\n", "\n")
			return a == b || a == " " && b == ""
		})
		if !same {
			return false
		}
	}
	return true
}

// unfit reports whether a header has what no MTA shows or takes: a NUL or a bare CR.
func unfit(h mail.Header) bool {
	return slices.ContainsFunc(h, func(f mail.Field) bool {
		return strings.ContainsAny(strings.ReplaceAll(f.Value, "\r\n", ""), "\r\x00")
	})
}
