package milter_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/milter"
)

// TestSlowContent: once the MTA has begun to hand over a message it must go on, as a whole and with each of its events,
// in whatever pieces it writes them.
func TestSlowContent(t *testing.T) {
	frame := rawFrame('B', "some text")
	for name, tc := range map[string]struct {
		play func(m *mta) // up to the end of the connection
		want time.Duration
	}{
		"silent after a field": {func(m *mta) { m.want("c", 'L', "From", " a") }, milter.DefaultContentTimeout},
		"silent in the body": {func(m *mta) {
			m.content([]string{"From: a"}, "text")
		}, milter.DefaultContentTimeout},
		"silent in a frame": {func(m *mta) {
			m.content([]string{"From: a"})
			m.send(frame[:7])
		}, milter.DefaultContentTimeout},
		"an octet now and then": {func(m *mta) {
			m.content([]string{"From: a"})
			for i := 0; ; i++ {
				if _, err := m.Write(frame[i : i+1]); err != nil {
					return
				}
				time.Sleep(17 * time.Second)
			}
		}, 4 * 17 * time.Second}, // 51 s and 68 s are the writes around the minute
		"a chunk now and then": {func(m *mta) {
			m.content([]string{"From: a"})
			for {
				time.Sleep(50 * time.Second)
				if _, err := m.Write(frame); err != nil {
					return
				}
				if m.answer('B') == "" {
					return
				}
			}
		}, 11 * 50 * time.Second}, // 500 s and 550 s are the chunks around the 9 minutes
		"macros now and then": {func(m *mta) {
			m.content([]string{"From: a"})
			for {
				time.Sleep(50 * time.Second)
				if _, err := m.Write(rawFrame('D', "Bi\x00Q\x00")); err != nil {
					return
				}
			}
		}, 11 * 50 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var log journal
			server := &milter.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), MaxInFlight: 100, Begin: always(handler{})}
			clocked(t, server, func(t *testing.T, dial dialer) {
				m := dial().begun()
				m.envelope("<bob@example.org>")
				start := time.Now()
				tc.play(m)
				m.lived(start, tc.want)
				synctest.Wait()
				if s := log.String(); !strings.Contains(s, "did not hand over a message in time") {
					t.Errorf("the log is %s", s)
				}
				next := dial().begun()
				next.envelope("<bob@example.org>")
				next.content(nil, strings.Repeat("x", 100))
				if answer := next.finish(); answer[0] != "c" {
					t.Errorf("the next message is answered with %q", answer)
				}
			})
		})
	}
}

// TestContentWithoutEnd: an MTA that always has one more piece ready has no more time than one that lets us wait for it.
func TestContentWithoutEnd(t *testing.T) {
	var held int64
	server := &milter.Server{Begin: always(handler{}), Log: slog.New(slog.DiscardHandler), InFlight: func(octets int64) {
		if octets > held {
			time.Sleep(50 * time.Second)
		}
		held = octets
	}}
	clocked(t, server, func(t *testing.T, dial dialer) {
		held = 0
		m := dial().begun()
		m.envelope("<bob@example.org>")
		m.content(nil)
		start := time.Now()
		frame := rawFrame('B', "some text")
		for {
			if _, err := m.Write(frame); err != nil {
				break
			}
		}
		if took := time.Since(start); took != 11*50*time.Second { // the first piece behind the 9 minutes
			t.Errorf("the connection lived for %v", took)
		}
	})
}
