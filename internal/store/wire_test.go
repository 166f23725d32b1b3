package store_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// wire is a network between the store and the server, which can go dead without anybody being told.
type wire struct {
	addr   string
	server string

	mu    sync.Mutex
	works chan struct{} // closed while it works
	ends  []net.Conn
}

func newWire(t *testing.T, server *lab.PostgreSQL) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String(), server: server.Addr, works: make(chan struct{})}
	w.mend()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", w.server)
			if err != nil {
				near.Close()
				continue
			}
			w.mu.Lock()
			w.ends = append(w.ends, near, far)
			w.mu.Unlock()
			all.Go(func() { w.carry(far, near) })
			all.Go(func() { w.carry(near, far) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		for _, end := range w.ends {
			end.Close()
		}
		w.mu.Unlock()
		w.mend()
		all.Wait()
	})
	return w
}

// url returns the URL of a database with the wire in between.
func (w *wire) url(database string) string { return strings.Replace(database, w.server, w.addr, 1) }

func (w *wire) carry(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		works := w.works
		w.mu.Unlock()
		<-works
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				from.Close()
			}
			return
		}
	}
}

// die lets nothing through until mend.
func (w *wire) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.works = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.works:
	default:
		close(w.works)
	}
}
