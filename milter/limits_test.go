package milter_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestMessageSize counts header and body: 10 octets of "Subject: x" without the colon, the rest body.
func TestMessageSize(t *testing.T) {
	for _, tc := range []struct {
		name  string
		steps uint32
		value string
		body  []string
		ends  []string // answers to the chunks
		want  string
	}{
		{"just fits", answered, " x", []string{strings.Repeat("b", 91)}, []string{"c"}, "c"},
		{"one too much", answered, " x", []string{strings.Repeat("b", 92)}, []string{"s"}, "y552 5.3.4 The message is too large: the mail encryption service takes 100 octets.\x00"},
		{"in the second chunk", answered, " x", []string{strings.Repeat("b", 91), "b"}, []string{"c", "s"}, "y552 5.3.4 "},
		{"in the header", answered, strings.Repeat("x", 101), []string{"b"}, []string{"s"}, "y552 5.3.4 "},
		{"the MTA does not know SKIP", answered &^ 0x400, " x", []string{strings.Repeat("b", 92), "b"}, []string{"c", "c"}, "y552 5.3.4 "},
		{"no answers, just fits", steps, " x", []string{strings.Repeat("b", 91)}, []string{"c"}, "c"},
		{"no answers, one too much", steps, " x", []string{strings.Repeat("b", 91), "b"}, []string{"c", "c"}, "y552 5.3.4 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := dial(t, serve(t, &milter.Server{Begin: always(handler{}), MaxMessage: 100}))
			m.negotiate(version, actions, tc.steps)
			for range 2 {
				m.envelope("<bob@example.org>")
				m.want("c", 'L', "Subject", tc.value)
				m.want("c", 'N')
				for i, chunk := range tc.body {
					m.send(rawFrame('B', chunk))
					if got := m.answer('B'); got != tc.ends[i] {
						t.Errorf("chunk %d: %q", i, got)
					}
				}
				if got := m.finish(); len(got) != 1 || !strings.HasPrefix(got[0], tc.want) {
					t.Errorf("answer %q, want %q", got, tc.want)
				}
			}
		})
	}
}

// TestLastChunkWithTheEnd: the protocol lets the end of message carry a part of the body.
func TestLastChunkWithTheEnd(t *testing.T) {
	var got collector
	m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
	m.envelope("<bob@example.org>")
	m.content(nil, "one ")
	m.send(rawFrame('E', "two"))
	m.receive()
	if len(got.got) != 1 || string(got.got[0].Body) != "one two" {
		t.Errorf("%d messages", len(got.got))
	}
}

func TestRecipientsAndFieldsAreLimited(t *testing.T) {
	var got collector
	m := connect(t, serve(t, &milter.Server{Begin: got.begin, MaxRecipients: 2}))
	m.envelope("<a@example.org>", "<b@example.org>")
	m.want("y452 4.5.3 ", 'R', "<c@example.org>")
	m.content([]string{"From: alice@example.org"})
	if answer := m.finish(); answer[0] != "c" || len(got.got[0].Envelope.Recipients) != 2 {
		t.Errorf("answer %q, message %+v", answer, got.got)
	}
	m.envelope("<a@example.org>")
	for i := range 2001 {
		m.want("c", 'L', fmt.Sprint("X-", i), "")
	}
	m.want("c", 'N')
	if answer := m.finish(); !strings.HasPrefix(answer[0], "y552 5.3.4 ") || len(got.got) != 1 {
		t.Errorf("answer %q", answer)
	}
}

func TestMalformedFieldsAreRefused(t *testing.T) {
	for _, data := range []string{
		"", "\x00", "\x00\x00", "A", "A\x00b", "A\x00b\x00c\x00", "A\x00b\x00\x00", "\x00A\x00", "A\x00b\nBcc: c\x00", "A\x00b\n\x00",
		"A\x00b\r\n\r\n\x00", "A B\x00c\x00", "A:\x00b\x00", "A\n\x00b\x00", "\xc3\xa4\x00b\x00", "B\x00\x00\x00", "A\x00b\rc\x00", "A\x00b\r\r\n c\x00",
	} {
		var got collector
		m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
		m.envelope("<bob@example.org>")
		m.send(rawFrame('L', data))
		if answer := m.answer('L'); answer != "c" {
			t.Errorf("%q: answer %q", data, answer)
		}
		m.want("c", 'N')
		if answer := m.finish(); !strings.HasPrefix(answer[0], "y554 5.6.0 ") || len(got.got) != 0 {
			t.Errorf("%q: answer %q", data, answer)
		}
	}
}

// TestBudget: while one message holds most of the budget another is deferred; when the first is over, however it ends,
// there is room again.
func TestBudget(t *testing.T) {
	chunk := strings.Repeat("x", 60)
	for name, end := range map[string]func(*mta){
		"end of message": func(m *mta) { m.finish() },
		"abort":          func(m *mta) { m.say('A') },
		"next message":   func(m *mta) { m.want("c", 'M', "<>") },
		"QUIT_NC":        func(m *mta) { m.say('K') },
		"quit":           func(m *mta) { m.say('Q') },
		"cut":            func(m *mta) { m.Close() },
		"cut in a frame": func(m *mta) { m.send([]byte{0, 0, 1}); m.Close() },
		"bad frame":      func(m *mta) { m.send([]byte{0, 0, 0, 0}) },
		"refusal":        func(m *mta) { m.want("s", 'B', chunk) },
	} {
		t.Run(name, func(t *testing.T) {
			path := serve(t, &milter.Server{Begin: always(handler{}), MaxInFlight: 100})
			first, second := connectWith(t, path, answered), connectWith(t, path, answered)
			first.envelope("<a@example.org>")
			first.content(nil, chunk)
			second.envelope("<b@example.org>")
			second.want("c", 'N')
			second.want("s", 'B', chunk)
			if answer := second.finish(); !strings.HasPrefix(answer[0], "y452 4.3.1 ") {
				t.Errorf("answer %q", answer)
			}
			end(first)
			for answer := "y452"; strings.HasPrefix(answer, "y452"); runtime.Gosched() {
				second.envelope("<b@example.org>")
				second.want("c", 'N')
				second.say('B', chunk)
				second.answer('B')
				answer = second.finish()[0]
			}
		})
	}
}

// TestBudgetIsHeldWhileTheHandlerWorks also shows that a message larger than the whole budget is not asked to come again.
func TestBudgetIsHeldWhileTheHandlerWorks(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	path := serve(t, &milter.Server{MaxInFlight: 100, Begin: always(handler{
		message: func(context.Context, *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-leave
			return nil, nil
		},
	})})
	first, second := connect(t, path), connect(t, path)
	first.envelope("<a@example.org>")
	first.content(nil, strings.Repeat("x", 60))
	first.say('E')
	<-entered
	for size, want := range map[int]string{60: "y452 4.3.1 ", 101: "y552 5.3.4 "} {
		second.envelope("<b@example.org>")
		second.want("c", 'N')
		second.want("c", 'B', strings.Repeat("x", size))
		if answer := second.finish(); !strings.HasPrefix(answer[0], want) {
			t.Errorf("answer %q, want %q", answer, want)
		}
	}
	close(leave)
	if answer := first.receive(); answer != "c" {
		t.Errorf("answer %q", answer)
	}
}

// TestInFlight listens to the size of the mail in work, and to the end of an edit.
func TestInFlight(t *testing.T) {
	for name, end := range map[string]struct {
		how  func(*mta)
		done bool
	}{
		"end of message": {func(m *mta) { m.finish() }, true},
		"abort":          {func(m *mta) { m.say('A'); m.want("c", 'M', "<>") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var told []int64
			done := false
			path := serve(t, &milter.Server{
				InFlight: func(octets int64) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, octets)
				},
				Begin: always(handler{message: func(context.Context, *mail.Message) (*mail.Edit, error) {
					return &mail.Edit{Body: strings.NewReader("new"), Done: func() {
						mu.Lock()
						defer mu.Unlock()
						done = told[len(told)-1] == 60
					}}, nil
				}}),
			})
			m := connect(t, path)
			m.envelope("<a@example.org>")
			m.content(nil, strings.Repeat("x", 40), strings.Repeat("y", 20))
			end.how(m)
			mu.Lock()
			defer mu.Unlock()
			if want := []int64{40, 60, 0}; !slices.Equal(told, want) {
				t.Errorf("told %v, want %v", told, want)
			}
			if done != end.done {
				t.Errorf("the edit is done while the message is in work: %v", done)
			}
		})
	}
}
