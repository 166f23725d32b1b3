package milter_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/milter"
)

func TestNegotiation(t *testing.T) {
	const macroLists = "\x00\x00\x00\x00v j {daemon_name} {daemon_addr} {daemon_port} {if_addr}\x00\x00\x00\x00\x02i {auth_authen}\x00\x00\x00\x00\x06i\x00\x00\x00\x00\x05i\x00"
	for _, tc := range []struct {
		name                    string
		version, actions, steps uint32
		want                    string // "" means refused
	}{
		{"all", 6, 0x1ff, 0x1fffff, "O\x00\x00\x00\x06\x00\x00\x01\x1b\x00\x1c\x23\x80" + macroLists},
		{"a later version", 7, 0xffffffff, 0xffffffff, "O\x00\x00\x00\x06\x00\x00\x01\x1b\x00\x1c\x23\x80" + macroLists},
		{"no macro lists", 6, 0xff, 0x1fffff, "O\x00\x00\x00\x06\x00\x00\x00\x1b\x00\x1c\x23\x80"},
		{"every answer wanted", 6, 0xff, answered, "O\x00\x00\x00\x06\x00\x00\x00\x1b\x00\x10\x04\x00"},
		{"no skip", 6, 0xff, answered &^ 0x400, "O\x00\x00\x00\x06\x00\x00\x00\x1b\x00\x10\x00\x00"},
		{"every answer wanted but that to the body", 6, 0xff, answered | 0x80000, "O\x00\x00\x00\x06\x00\x00\x00\x1b\x00\x18\x00\x00"},
		{"an earlier version", 5, 0x1ff, 0x1fffff, ""},
		{"cannot add headers", 6, 0x1fe, 0x1fffff, ""},
		{"cannot change the body", 6, 0x1fd, 0x1fffff, ""},
		{"cannot delete recipients", 6, 0x1f7, 0x1fffff, ""},
		{"cannot change headers", 6, 0x1ef, 0x1fffff, ""},
		{"hides spaces", 6, 0x1ff, 0xfffff, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log journal
			var got collector
			m := dial(t, serve(t, &milter.Server{Begin: got.begin, Log: slog.New(slog.NewTextHandler(&log, nil))}))
			if answer := m.negotiate(tc.version, tc.actions, tc.steps); answer != tc.want {
				t.Errorf("answer %q, want %q", answer, tc.want)
			}
			if refused := strings.Contains(log.String(), "milter_protocol"); refused != (tc.want == "") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// TestBadFrames: whatever is not the protocol ends the connection, alone, and is logged.
func TestBadFrames(t *testing.T) {
	connected := rawFrame('O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	inMessage := []byte(string(connected) + string(rawFrame('M', "<a@example.org>\x00")) + string(rawFrame('R', "<b@example.org>\x00")) + string(rawFrame('N', "")))
	for _, tc := range []struct {
		name          string
		before, bytes []byte
	}{
		{"zero length first", nil, []byte{0, 0, 0, 0}},
		{"oversize first", nil, []byte{0, 0x10, 0, 1}},
		{"no negotiation", nil, rawFrame('C', "x\x00U")},
		{"short negotiation", nil, rawFrame('O', "\x00\x00\x00\x06")},
		{"HTTP", nil, []byte("GET / HTTP/1.0\r\n\r\n")},
		{"zero length", connected, []byte{0, 0, 0, 0}},
		{"oversize", connected, []byte{0, 0x10, 0, 1, 'B'}},
		{"very oversize", connected, []byte{0xff, 0xff, 0xff, 0xff, 'B'}},
		{"second negotiation", connected, connected},
		{"unknown code", connected, rawFrame('?', "")},
		{"connect without family", connected, rawFrame('C', "x\x00")},
		{"connect without port", connected, rawFrame('C', "x\x004\x00")},
		{"connect without NUL", connected, rawFrame('C', "x")},
		{"macros without event", connected, rawFrame('D', "")},
		{"zero length in a message", inMessage, []byte{0, 0, 0, 0}},
		{"unknown code in a message", inMessage, rawFrame('p', "")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log journal
			var got collector
			path := serve(t, &milter.Server{Begin: got.begin, Log: slog.New(slog.NewTextHandler(&log, nil))})
			m, other := dial(t, path), connect(t, path)
			m.send(tc.before)
			m.send(tc.bytes)
			for answer := m.receive(); answer != ""; answer = m.receive() {
			}
			if log.String() == "" {
				t.Error("nothing is logged")
			}
			other.deliver("<bob@example.org>")
			if len(got.got) != 1 {
				t.Errorf("%d messages", len(got.got))
			}
		})
	}
}

// TestCutInMessageIsLogged names the message, and a connection that only probes is no news.
func TestCutInMessageIsLogged(t *testing.T) {
	var log journal
	server := &milter.Server{Begin: always(handler{}), Log: slog.New(slog.NewTextHandler(&log, nil))}
	path := serve(t, server)
	dial(t, path).Close()
	m := connect(t, path)
	m.macros('M', "i", "4QUEUE")
	m.envelope("<bob@example.org>")
	m.Close()
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "queue_id=4QUEUE") {
		t.Errorf("log: %s", s)
	}
}

// TestSilentMTA: the time to the next event is limited; the time of the handler is not a part of it.
func TestSilentMTA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := &pipes{conns: []net.Conn{near}, closed: make(chan struct{})}
		serveOn(t, &milter.Server{ReadTimeout: time.Minute, Begin: always(slow{30 * time.Second})}, l)
		m := &mta{T: t, Conn: far}
		m.negotiate(version, actions, steps)
		m.want("c", 'C', "client.example\x00U")
		m.want("c", 'M', "<alice@example.org>")
		start := time.Now()
		m.want("c", 'R', "<bob@example.org>")
		m.content(nil)
		m.finish()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the message took %v", took)
		}
		m.gone()
		if took := time.Since(start); took != 2*time.Minute {
			t.Errorf("the connection lived for %v", took)
		}
	})
}

// TestMTAThatDoesNotRead: an answer that is not taken ends the connection.
func TestMTAThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := &pipes{conns: []net.Conn{near}, closed: make(chan struct{})}
		server := &milter.Server{WriteTimeout: time.Minute, Begin: always(handler{})}
		serveOn(t, server, l)
		m := &mta{T: t, Conn: far}
		m.negotiate(version, actions, steps)
		m.say('C', "client.example\x00U")
		start := time.Now()
		m.say('H', "client.example") // read ahead
		if _, err := far.Write(rawFrame('H', "client.example\x00")); err == nil {
			t.Error("the server reads on")
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the connection lived for %v", took)
		}
	})
}
