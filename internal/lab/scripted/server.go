package scripted

import (
	"net"
	"sync"
)

// server is a listener with its connections. Each is served on a goroutine of its own, which ends when its connection does.
type server struct {
	net.Listener
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func listen(addr string, serve func(net.Conn)) (*server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &server{Listener: l, open: map[net.Conn]bool{}}
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !s.enter(conn) {
				_ = conn.Close()
				return
			}
			s.running.Go(func() {
				defer s.leave(conn)
				serve(conn)
			})
		}
	})
	return s, nil
}

func (s *server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = true
	}
	return !s.closed
}

func (s *server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	_ = conn.Close()
}

// stop closes everything and waits for the goroutines.
func (s *server) stop() error {
	err := s.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}
