package web

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is a listener at which there is always one more client, who says nothing.
type crowd struct {
	taken  atomic.Int64
	closed chan struct{}
}

func (c *crowd) Accept() (net.Conn, error) {
	select {
	case <-c.closed:
		return nil, net.ErrClosed
	default:
	}
	if c.taken.Add(1) > 2*maxConnections {
		<-c.closed
		return nil, net.ErrClosed
	}
	near, _ := net.Pipe()
	return near, nil
}

func (c *crowd) Close() error { close(c.closed); return nil }

func (c *crowd) Addr() net.Addr { return &net.TCPAddr{} }

// TestWebConnectionsAreLimited: clients who say nothing take up some descriptors, and not for long.
func TestWebConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &crowd{closed: make(chan struct{})}
		s := Serve(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		synctest.Wait()
		if n := l.taken.Load(); n != maxConnections {
			t.Errorf("%d connections at a time, not %d", n, maxConnections)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := l.taken.Load(); n != 2*maxConnections {
			t.Errorf("%d connections after a while, not %d", n, 2*maxConnections)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// TestPrivateSocketIsNeverOpenToTheGroup looks at the socket all the time while it is made: who is connected before its
// mode is narrowed stays connected, and is shown the status page.
func TestPrivateSocketIsNeverOpenToTheGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("its mode is %04o", info.Mode().Perm())
				return
			}
		}
	})
	for range 500 {
		l, err := Listen("admin", "unix:"+path)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	close(done)
	looking.Wait()
}

// TestAdminSocket: the group of the milter's socket, which is the mail server's, cannot open that of the status page.
func TestAdminSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := Listen("admin", "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	defer s.Close()
	if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := Listen("admin", "unix:"+socket); err == nil {
		t.Error("two listen there")
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 404 ") {
		t.Errorf("%q, %v", answer, err)
	}
}
