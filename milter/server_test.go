package milter_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// pipes is a listener with errors first, then connections.
type pipes struct {
	errors []error
	conns  []net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	if len(l.errors) > 0 {
		err := l.errors[0]
		l.errors = l.errors[1:]
		return nil, err
	}
	if len(l.conns) > 0 {
		c := l.conns[0]
		l.conns = l.conns[1:]
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return nil }

func TestServeSurvivesExhaustion(t *testing.T) {
	near, far := net.Pipe()
	l := &pipes{conns: []net.Conn{near}, closed: make(chan struct{})}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		l.errors = append(l.errors, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", errno)})
	}
	serveOn(t, &milter.Server{Begin: always(handler{})}, l)
	m := &mta{T: t, Conn: far}
	m.negotiate(version, actions, steps)
	if answer := m.deliver("<bob@example.org>"); answer[0] != "c" {
		t.Errorf("answer %q", answer)
	}
}

func TestServeReturnsOtherErrors(t *testing.T) {
	broken := errors.New("broken")
	l := &pipes{errors: []error{broken}, closed: make(chan struct{})}
	if err := new(milter.Server).Serve(l); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	<-l.closed
}

// TestShutdown: an idle connection is closed at once, a message in work gets its answer, and its copies theirs.
func TestShutdown(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	server := &milter.Server{Begin: always(handler{
		message: func(context.Context, *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-leave
			return &mail.Edit{Body: strings.NewReader("new\r\n")}, nil
		},
	}), Other: func(c net.Conn) {
		defer c.Close()
		if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			io.WriteString(c, "answer\n")
		}
	}}
	path := serve(t, server)
	idle, begun, working := connect(t, path), connect(t, path), connect(t, path)
	begun.envelope("<bob@example.org>")
	working.envelope("<bob@example.org>")
	working.content(nil)
	working.say('E')
	<-entered

	done := make(chan error)
	go func() { done <- server.Shutdown(context.Background()) }()
	idle.gone()
	// Nobody else brings a message, but what is asked about a copy of one in work is answered.
	late := dial(t, path)
	late.negotiate(version, actions, steps)
	late.say('C', "client.example\x004\x00\x19192.0.2.7")
	late.gone()
	copies := dial(t, path)
	copies.negotiate(version, actions, steps)
	copies.macros('C', "{daemon_name}", mail.DaemonCopies)
	copies.want("c", 'C', "localhost\x004\x00\x19127.0.0.1")
	other, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := io.WriteString(other, "question\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(other).ReadString('\n'); answer != "answer\n" {
		t.Errorf("%q, %v", answer, err)
	}
	close(leave)
	for _, want := range []string{"bnew\n", "c", ""} {
		if got := working.receive(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	go func() { <-entered }()
	begun.content(nil)
	if answer := begun.finish(); answer[len(answer)-1] != "c" {
		t.Errorf("answer %q", answer)
	}
	begun.gone()
	if err := <-done; err != nil {
		t.Error(err)
	}
	copies.gone()
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		t.Error("the server still listens")
	}
	if err := server.Serve(&pipes{closed: make(chan struct{})}); !errors.Is(err, milter.ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// TestShutdownIsBounded: when its context ends, those of the handlers end, too.
func TestShutdownIsBounded(t *testing.T) {
	entered := make(chan bool)
	server := &milter.Server{Begin: always(handler{
		message: func(ctx context.Context, _ *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-ctx.Done()
			return &mail.Edit{Discard: true}, nil
		},
	})}
	m := connect(t, serve(t, server))
	m.envelope("<bob@example.org>")
	m.content(nil)
	m.say('E')
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	m.gone()
}

// TestShutdownWaitsForHandlers whose context it has ended: they note what they have done.
func TestShutdownWaitsForHandlers(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	var noted atomic.Bool
	server := &milter.Server{Begin: always(handler{
		message: func(ctx context.Context, _ *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-ctx.Done()
			<-leave
			noted.Store(true)
			return nil, ctx.Err()
		},
	})}
	m := connect(t, serve(t, server))
	m.envelope("<bob@example.org>")
	m.content(nil)
	m.say('E')
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go func() {
		m.gone()
		close(leave)
	}()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) || !noted.Load() {
		t.Errorf("%v, noted %t", err, noted.Load())
	}
}

// TestShutdownGivesUp a handler that does not return.
func TestShutdownGivesUp(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	server := &milter.Server{Grace: time.Millisecond, Begin: always(handler{
		message: func(context.Context, *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-leave
			return nil, nil
		},
	})}
	m := connect(t, serve(t, server))
	m.envelope("<bob@example.org>")
	m.content(nil)
	m.say('E')
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(leave)
}

// TestOther: Postfix's policy client speaks on the same socket.
func TestOther(t *testing.T) {
	const request = "request=smtpd_access_policy\nsender=alice@example.org\n\n"
	server := &milter.Server{Begin: always(handler{}), Other: func(c net.Conn) {
		got := make([]byte, len(request))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != request {
			t.Errorf("read %q, %v", got, err)
		}
		io.WriteString(c, "action=DUNNO\n\n")
		if n, err := c.Read(got); err == nil {
			t.Errorf("read %q", got[:n])
		}
		panic("the process lives on")
	}}
	path := serve(t, server)
	other, m := dial(t, path), connect(t, path)
	other.send([]byte(request))
	answer := make([]byte, len("action=DUNNO\n\n"))
	if _, err := io.ReadFull(other, answer); err != nil || string(answer) != "action=DUNNO\n\n" {
		t.Errorf("answer %q, %v", answer, err)
	}
	m.deliver("<bob@example.org>")
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestListen(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8894", "inet:", "inet:8894", "inet::8894", "inet:127.0.0.1", "inet:127.0.0.1:", "unix:", "tcp:127.0.0.1:0"} {
		if l, err := milter.Listen(bad); err == nil {
			l.Close()
			t.Errorf("%q is accepted", bad)
		} else if !strings.Contains(err.Error(), "inet:127.0.0.1:8894") {
			t.Errorf("%q: %v does not help", bad, err)
		}
	}
	for _, good := range []string{"inet:127.0.0.1:0", "inet:[::1]:0", "inet:localhost:0"} {
		l, err := milter.Listen(good)
		if err != nil {
			t.Errorf("%q: %v", good, err)
			continue
		}
		l.Close()
	}
}

func TestListenSetsNoDelay(t *testing.T) {
	l, err := milter.Listen("inet:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			defer c.Close()
			io.Copy(io.Discard, c)
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for name, option := range map[string][2]int{"TCP_NODELAY": {syscall.IPPROTO_TCP, syscall.TCP_NODELAY}, "SO_KEEPALIVE": {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE}} {
			if on, err := syscall.GetsockoptInt(int(fd), option[0], option[1]); err != nil || on == 0 {
				t.Errorf("%s: %d, %v", name, on, err)
			}
		}
	})
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := milter.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := milter.Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a live socket: %v", err)
	}
	// A server that was killed leaves its socket behind.
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	first.Close()
	second, err := milter.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := milter.Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("a file in the way: %v", err)
	}
	if _, err := milter.Listen("unix:" + filepath.Join(path, "x")); err == nil {
		t.Error("a path below a file is accepted")
	}
}
