package milter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// bodyFunc is a body made by a function.
type bodyFunc func(io.Writer) (int64, error)

func (f bodyFunc) WriteTo(w io.Writer) (int64, error) { return f(w) }

func TestEditOrder(t *testing.T) {
	old := mail.Header{{Name: "From", Value: " alice@example.org"}, {Name: "Subject", Value: " secret"}}
	edit := &mail.Edit{
		Delete: []mail.Recipient{{Raw: "<Bob@Example.org>"}, {Raw: "<Bob@Example.org>"}},
		Header: mail.Header{old[0], {Name: "Subject", Value: " [...]"}, {Name: "X-Folded", Value: " a\r\n b"}},
		Body:   strings.NewReader("one\r\ntwo\r\n"),
	}
	m := connect(t, serve(t, &milter.Server{Begin: edits(edit)}))
	m.envelope("<Bob@Example.org>", "<carol@example.org>")
	m.content([]string{"From: alice@example.org", "Subject: secret"}, "secret text\r\n")
	want := []string{"-<Bob@Example.org>\x00", "m\x00\x00\x00\x01Subject\x00 [...]\x00", "hX-Folded\x00 a\n b\x00", "bone\ntwo\n", "c"}
	if got := m.finish(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSimpleEdits(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit *mail.Edit
		want []string
	}{
		{"none", nil, []string{"c"}},
		{"zero", &mail.Edit{}, []string{"c"}},
		{"discard", &mail.Edit{Discard: true, Body: strings.NewReader("x")}, []string{"d"}},
		{"empty body", &mail.Edit{Body: strings.NewReader("")}, []string{"b", "c"}},
		{"same header", &mail.Edit{Header: mail.Header{{Name: "from", Value: " alice@example.org"}, {Name: "Subject", Value: " secret"}}}, []string{"c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := connect(t, serve(t, &milter.Server{Begin: edits(tc.edit)}))
			if got := m.deliver("<bob@example.org>"); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestEditsThatCannotBe: each would lose a message or show it to the wrong person, so nothing is sent but 451, and the
// log says why without a word of the message.
func TestEditsThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit *mail.Edit
		log  string
	}{
		{"nobody left", &mail.Edit{Delete: []mail.Recipient{{Raw: "<bob@example.org>"}, {Raw: "<carol@example.org>"}}}, "every recipient"},
		{"unknown recipient", &mail.Edit{Delete: []mail.Recipient{{Raw: "<BOB@example.org>"}}}, "does not have"},
		{"field that starts another", &mail.Edit{Header: mail.Header{{Name: "A", Value: " secret\r\nB: c"}}}, "malformed field"},
		{"bare CR", &mail.Edit{Header: mail.Header{{Name: "A", Value: " secret\rB: c"}}}, "malformed field"},
		{"NUL", &mail.Edit{Header: mail.Header{{Name: "A", Value: " secret\x00"}}}, "malformed field"},
		{"bad name", &mail.Edit{Header: mail.Header{{Name: "A B", Value: " secret"}}}, "malformed field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log journal
			m := connect(t, serve(t, &milter.Server{Begin: edits(tc.edit), Log: slog.New(slog.NewTextHandler(&log, nil))}))
			if got := m.deliver("<bob@example.org>", "<carol@example.org>"); len(got) != 1 || !strings.HasPrefix(got[0], "y451 4.3.0 ") {
				t.Errorf("got %q", got)
			}
			if s := log.String(); !strings.Contains(s, tc.log) || strings.Contains(s, "secret") {
				t.Errorf("log: %s", s)
			}
		})
	}
}

// TestHandlerMayChangeTheMessage: the edit is compared with what the MTA has, not with what the handler made of it.
func TestHandlerMayChangeTheMessage(t *testing.T) {
	m := connect(t, serve(t, &milter.Server{Begin: always(handler{
		message: func(_ context.Context, m *mail.Message) (*mail.Edit, error) {
			m.Header[1].Value = " [...]"
			m.Envelope.Recipients = m.Envelope.Recipients[:1]
			return &mail.Edit{Header: m.Header, Delete: []mail.Recipient{{Raw: "<bob@example.org>"}}}, nil
		},
	})}))
	want := []string{"-<bob@example.org>\x00", "m\x00\x00\x00\x01Subject\x00 [...]\x00", "c"}
	if got := m.deliver("<bob@example.org>", "<carol@example.org>"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBodyPieces writes bodies in writes of several sizes, with line ends around the border of a piece.
func TestBodyPieces(t *testing.T) {
	const most = 65535
	fill := func(n int) string { return strings.Repeat("x", n) }
	bodies := map[string]string{
		"CRLF at the border":        fill(most-1) + "\r\n" + fill(10),
		"CRLF across the border":    fill(most) + "\r\n" + fill(10),
		"CR before the border":      fill(most-1) + "\r",
		"bare CR across the border": fill(most) + "\r" + fill(10),
		"exactly one piece":         fill(most),
		"one octet more":            fill(most + 1),
		"lines":                     strings.Repeat("line\r\n", 50000),
		"odd line ends":             "\n\r\r\n\r\n\n\r",
		"only CR":                   "\r",
	}
	for name, body := range bodies {
		for _, size := range []int{1, 1000, most, 1 << 20} {
			t.Run(fmt.Sprint(name, "/", size), func(t *testing.T) {
				m := connect(t, serve(t, &milter.Server{Begin: edits(&mail.Edit{
					Body: bodyFunc(func(w io.Writer) (n int64, err error) {
						for piece := range slices.Chunk([]byte(body), size) {
							k, err := w.Write(piece)
							n += int64(k)
							if err != nil || k != len(piece) {
								return n, errors.Join(err, io.ErrShortWrite)
							}
						}
						return n, nil
					}),
				})}))
				got := m.deliver("<bob@example.org>")
				var whole bytes.Buffer
				for _, frame := range got[:len(got)-1] {
					if frame[0] != 'b' || len(frame)-1 > most || len(frame) == 1 {
						t.Fatalf("a frame of %d octets: %.20q", len(frame), frame)
					}
					whole.WriteString(frame[1:])
				}
				want := strings.ReplaceAll(body, "\r\n", "\n")
				if whole.String() != want || got[len(got)-1] != "c" || len(got) != 1+(len(want)+most-1)/most {
					t.Errorf("%d frames, %d octets, answer %q; want %d octets", len(got), whole.Len(), got[len(got)-1], len(want))
				}
			})
		}
	}
}

// TestBodyFailsHalfWay: the MTA throws the edits away with the message when the answer is 4xx.
func TestBodyFailsHalfWay(t *testing.T) {
	for name, body := range map[string]bodyFunc{
		"error": func(w io.Writer) (int64, error) {
			n, _ := w.Write(make([]byte, 100000))
			return int64(n), errors.New("no entropy")
		},
		"panic": func(w io.Writer) (int64, error) {
			w.Write(make([]byte, 100000))
			panic("secret")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log journal
			m := connect(t, serve(t, &milter.Server{Begin: edits(&mail.Edit{Body: body}), Log: slog.New(slog.NewTextHandler(&log, nil))}))
			for range 2 {
				got := m.deliver("<bob@example.org>")
				if len(got) != 2 || got[0][0] != 'b' || !strings.HasPrefix(got[1], "y451 4.3.0 ") {
					t.Errorf("got %d frames, last %.40q", len(got), got[len(got)-1])
				}
			}
			if log.String() == "" || strings.Contains(log.String(), "secret") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// TestAnswering follows when whoever made an edit is told that it is carried out: with all sent but the last packet,
// and not if it could not be.
func TestAnswering(t *testing.T) {
	for _, tc := range []struct {
		name    string
		edit    mail.Edit
		want    string
		answers []string
	}{
		{"body", mail.Edit{Body: strings.NewReader("new")}, "[answer done]", []string{"bnew", "c"}},
		{"discard", mail.Edit{Discard: true}, "[answer done]", []string{"d"}},
		{"broken body", mail.Edit{Body: bodyFunc(func(io.Writer) (int64, error) { return 0, errors.New("broken") })}, "[done]", nil},
		{"nobody left", mail.Edit{Delete: []mail.Recipient{{Raw: "<bob@example.org>"}}}, "[done]", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var told []string
			asked, goOn := make(chan struct{}), make(chan struct{})
			tc.edit.Answer = func() {
				told = append(told, "answer")
				close(asked)
				<-goOn
			}
			done := make(chan struct{})
			tc.edit.Done = func() {
				told = append(told, "done")
				close(done)
			}
			m := connect(t, serve(t, &milter.Server{Begin: edits(&tc.edit), Log: slog.New(slog.DiscardHandler)}))
			m.envelope("<bob@example.org>")
			m.content(nil, "text\r\n")
			m.say('E')
			select {
			case <-asked:
				for i, want := range tc.answers {
					if i == len(tc.answers)-1 {
						close(goOn)
					}
					if got := m.receive(); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
			case <-done:
			}
			<-done
			if fmt.Sprint(told) != tc.want {
				t.Errorf("told %v, want %s", told, tc.want)
			}
		})
	}
}
