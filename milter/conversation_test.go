package milter_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// frameOf is an event of a conversation.
type frameOf struct {
	code byte
	data string
}

// vocabulary has what an MTA says, and what none should.
var vocabulary = []frameOf{
	{'M', "<alice@example.org>\x00"}, {'R', "<bob@example.net>\x00"}, {'T', ""}, {'L', "Subject\x00 secret\x00"}, {'N', ""},
	{'B', "secret text\r\n"}, {'E', ""}, {'D', "M{auth_authen}\x00alice\x00"}, {'R', "<carol@example.net>\x00NOTIFY=NEVER\x00"},
	{'L', "X-Do\x00 edit\x00"}, {'L', "X-Do\x00 refuse\x00"}, {'L', "X-Do\x00 panic\x00"}, {'L', "X-Do\x00 error\x00"},
	{'L', "X-Do\x00 discard\x00"}, {'L', "X-Do\x00 stranger\x00"}, {'L', "X-Do\x00 nobody\x00"}, {'L', "X-Do\x00 half\x00"},
	{'L', "X-Do\x00 field\x00"}, {'M', "<foreign@example.com>\x00SIZE=5\x00"}, {'M', "<refused@example.com>\x00"},
	{'M', "<panic@example.com>\x00"}, {'M', "alice@example.org\x00"}, {'M', "<>\x00"}, {'M', "<a\r\nb>\x00"}, {'R', "<nokey@example.net>\x00"},
	{'R', "<later@example.net>\x00"}, {'R', "<panic@example.net>\x00"}, {'R', "<>\x00"}, {'R', ""}, {'A', ""}, {'K', ""}, {'U', "XYZZY\x00"},
	{'H', "client.example\x00"}, {'C', "x\x004\x00\x19192.0.2.7\x00"}, {'C', "x\x004\x00\x00127.0.0.1\x00"}, {'C', "x\x00L"}, {'D', "C{daemon_name}\x00local\x00"},
	{'D', "M"}, {'D', "Mi\x004XyZ\x00{auth_authen}\x00mallory\x00"}, {'L', "Subject\x00two\nlines\x00"}, {'L', "X\x00a\n b\r\n\tc\x00"}, {'L', "\x00\x00"},
	{'L', "X\x00a\x00b\x00"}, {'B', strings.Repeat("0123456789abcdef", 200)}, {'E', "last part"}, {'Q', ""}, {'O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"},
}

// script makes events of any octets: each is a word of the vocabulary, or 0xff and an event of its own.
func script(b []byte) []frameOf {
	var events []frameOf
	for len(b) > 0 && len(events) < 200 {
		if b[0] != 0xff || len(b) < 3 {
			events = append(events, vocabulary[int(b[0])%len(vocabulary)])
			b = b[1:]
			continue
		}
		n := min(int(b[2]), len(b)-3)
		events = append(events, frameOf{b[1], string(b[3 : 3+n])})
		b = b[3+n:]
	}
	return events
}

// pipe is a listener with connections that the test has opened.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{} }

// converse holds one conversation, event by event, with an MTA that offers those steps, and says what was wrong with the
// answers. l is used to make the connection.
func converse(l net.Listener, offer uint32, events []frameOf) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	keeper := &gatekeeper{}
	server := &milter.Server{Log: slog.New(slog.DiscardHandler), MaxMessage: 4096, MaxInFlight: 6000, MaxRecipients: 3, Begin: keeper.begin}
	p := &pipe{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p) }()
	here, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		return []string{err.Error()}
	}
	defer here.Close()
	there, err := l.Accept()
	if err != nil {
		return []string{err.Error()}
	}
	p.conns <- there

	alive := talk(here, offer, keeper, events, fault)
	// Nobody asked for anything more.
	if err := here.(*net.UnixConn).CloseWrite(); err != nil && alive {
		fault("%v", err)
	}
	if rest, err := io.ReadAll(here); alive && (err != nil || len(rest) > 0) {
		fault("at the end there is %q, %v", rest, err)
	}
	if err := server.Shutdown(context.Background()); err != nil {
		fault("%v", err)
	}
	if err := <-served; !errors.Is(err, milter.ErrServerClosed) {
		fault("%v", err)
	}
	if given := keeper.take(); len(given) > 0 {
		fault("the handler got %d messages behind the end", len(given))
	}
	if held := milter.Held(server); held != 0 {
		fault("%d octets are held for ever", held)
	}
	return faults
}

// talk says the events and checks the answers. It reports whether the server has not hung up.
func talk(conn net.Conn, offer uint32, keeper *gatekeeper, events []frameOf, fault func(string, ...any)) bool {
	var r reference
	if _, err := conn.Write(rawFrame('O', "\x00\x00\x00\x06\x00\x00\x01\xff"+string(binary.BigEndian.AppendUint32(nil, offer)))); err != nil {
		fault("%v", err)
	}
	answer := answersTo(conn, fault)
	if len(answer) != 1 || answer[0].code != 'O' {
		fault("the negotiation is answered with %q", answer)
		return false
	}
	agreed := stepsOf("O" + answer[0].data)
	for i, e := range events {
		if _, err := conn.Write(rawFrame(e.code, e.data)); err != nil {
			return false
		}
		if e.code == 'D' && e.data == "" {
			return false // it is not even about an event
		}
		if strings.IndexByte("DAK", e.code) >= 0 {
			r.follow(e.code, e.data, 0)
			continue
		}
		// An answer that is not due would be taken for that to a later event, or be there at the end.
		answers := []frameOf{{code: 'c'}}
		if agreed&unanswered[e.code] == 0 {
			answers = answersTo(conn, fault)
		}
		if len(answers) == 0 {
			if strings.IndexByte("MRTLNBEUH", e.code) >= 0 {
				fault("event %d, %c %q, is not answered", i, e.code, e.data)
			}
			return false
		}
		answer := answers[len(answers)-1]
		if allowed := map[byte]string{'M': "cay", 'R': "cy", 'L': "cy", 'N': "cy", 'B': "cys", 'E': "cdy"}[e.code]; answer.code != 'c' && strings.IndexByte(allowed, answer.code) < 0 {
			fault("event %d, %c, is answered with %c", i, e.code, answer.code)
		}
		if answer.code == 'y' && !isRefusal(answer.data) {
			fault("event %d, %c, is refused with %q", i, e.code, answer.data)
		}
		given := keeper.take()
		switch {
		case e.code == 'E':
			atEnd(&r, e.data, given, answers, fault)
		case len(given) > 0:
			fault("event %d, %c, brings the handler a message", i, e.code)
		case len(answers) > 1:
			fault("event %d, %c, is answered with %q", i, e.code, answers)
		}
		r.follow(e.code, e.data, answer.code)
	}
	return true
}

// atEnd checks what came of a message that has ended.
func atEnd(r *reference, last string, given []*mail.Message, answers []frameOf, fault func(string, ...any)) {
	answer := answers[len(answers)-1]
	switch {
	case len(given) > 1:
		fault("the handler got %d messages at once", len(given))
	case len(given) == 0 && answer.code != 'y':
		fault("a message that no handler has seen is answered with %q", answers)
	case len(given) == 0:
		return
	case !r.whole():
		fault("the handler got a message that is not whole: %+v", r)
	}
	m := given[0]
	if difference := r.differs(m, last); difference != "" {
		fault("%s", difference)
	}
	var kept []string
	for _, to := range r.recipients {
		kept = append(kept, to.Raw)
	}
	body, replaced := "", false
	for i, e := range answers[:len(answers)-1] {
		switch e.code {
		case 'p':
		case '-':
			kept = slices.DeleteFunc(kept, func(raw string) bool { return raw+"\x00" == e.data })
		case 'm', 'h':
			if replaced {
				fault("a field is changed behind the body")
			}
		case 'b':
			if i > 0 && replaced && answers[i-1].code != 'b' {
				fault("the body does not come in one run")
			}
			body, replaced = body+e.data, true
		default:
			fault("the change %c", e.code)
		}
	}
	switch what := m.Header.Get("X-Do"); what {
	case "edit":
		if answer.code != 'c' || !replaced || body != "sealed\n" {
			fault("an edit ends with %c and the body %q", answer.code, body)
		}
		for _, raw := range kept {
			if raw != r.recipients[0].Raw {
				fault("%s keeps the message of another", raw)
			}
		}
	case "discard":
		if len(answers) != 1 || answer.code != 'd' {
			fault("a discarded message is answered with %q", answers)
		}
	case "refuse", "error", "panic", "stranger", "nobody", "half", "field":
		if answer.code != 'y' {
			fault("%s is answered with %c", what, answer.code)
		}
	default:
		if len(answers) != 1 || answer.code != 'c' {
			fault("a message that may pass is answered with %q", answers)
		}
	}
}

// answersTo reads up to the final answer to an event; there is none if the server hangs up.
func answersTo(conn net.Conn, fault func(string, ...any)) []frameOf {
	var all []frameOf
	for {
		var length [4]byte
		if n, err := io.ReadFull(conn, length[:]); err != nil {
			if n > 0 {
				fault("half a packet: %v", err)
			}
			return nil
		}
		n := binary.BigEndian.Uint32(length[:])
		if n == 0 || n > 1<<16+1 {
			fault("a packet of %d octets", n)
			return nil
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			fault("half a packet: %v", err)
			return nil
		}
		all = append(all, frameOf{b[0], string(b[1:])})
		if strings.IndexByte("p-mhib+", b[0]) < 0 {
			return all
		}
	}
}

// isRefusal reports whether the data of a reply code is a refusal that both MTAs take (RFC 5321, section 4.2).
func isRefusal(data string) bool {
	text, ended := strings.CutSuffix(data, "\x00")
	lines := strings.Split(text, "\r\n")
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		if len(line) < 10 || len(line) > 512 || line[0] != '4' && line[0] != '5' || line[3:4] != separator ||
			line[:3] != lines[0][:3] || line[4] != line[0] || line[5] != '.' || strings.Contains(line, "secret") {
			return false
		}
		for j := range len(line) {
			if line[j] < ' ' || line[j] > '~' {
				return false
			}
		}
		if strings.Count(strings.ReplaceAll(line, "%%", ""), "%") > 0 {
			return false
		}
	}
	return ended
}

func conversationSocket(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestConversations holds conversations made by chance, most of whose events come in the order of a message.
func TestConversations(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := conversationSocket(t)
	whole := 0
	for i := range 1000 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		var events []frameOf
		for next := 0; len(events) < 60; {
			at := next
			if r.IntN(6) == 0 {
				at = r.IntN(len(vocabulary) - 2)
			} else {
				next = (next + 1) % 7
			}
			events = append(events, vocabulary[at])
			if vocabulary[at].code == 'E' {
				whole++
			}
		}
		offer := []uint32{steps, answered}[i%2]
		if faults := converse(l, offer, events); len(faults) > 0 {
			t.Fatalf("conversation %d, offer %#x\n%q\n%s", i, offer, events, strings.Join(faults, "\n"))
		}
	}
	if whole < 1000 {
		t.Errorf("only %d messages came to an end", whole)
	}
}

// FuzzConversation holds any conversation, see script. What the server answers is legal, no message passes but a whole
// one, as its handler wants it, none has anything of another, and in the end nothing is held.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{7, 0, 1, 8, 2, 3, 9, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{0, 1, 3, 16, 4, 5, 6, 0, 24, 1, 10, 4, 6, 29, 3, 4, 6})
	f.Add([]byte{0, 1, 43, 4, 43, 43, 6, 18, 1, 4, 6, 0, 5, 4, 6})
	f.Add([]byte{0, 1, 0xff, 'L', 8, 'X', 0, ' ', 'a', '\n', ' ', 'b', 0, 4, 44, 45})
	f.Add([]byte{34, 36, 21, 26, 3, 4, 6, 30, 0, 1, 4, 6})
	l := conversationSocket(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		events := script(b)
		for _, offer := range []uint32{steps, answered} {
			if faults := converse(l, offer, events); len(faults) > 0 {
				t.Fatalf("offer %#x\n%q\n%s", offer, events, strings.Join(faults, "\n"))
			}
		}
	})
}
