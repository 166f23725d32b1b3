package lab

import (
	"net"
	"sync"
)

// tcpServer accepts connections on a loopback port and serves each on a goroutine of its own.
type tcpServer struct {
	addr     string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

// start listens. The function serve returns when its connection fails, which close makes happen.
func (s *tcpServer) start(serve func(net.Conn)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.listener, s.addr, s.open = listener, listener.Addr().String(), make(map[net.Conn]bool)
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if !s.add(conn) {
				conn.Close()
				return
			}
			s.running.Go(func() {
				defer s.remove(conn)
				serve(conn)
			})
		}
	})
	return nil
}

func (s *tcpServer) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = true
	}
	return !s.closed
}

func (s *tcpServer) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	conn.Close()
}

// close ends the listener and all connections, and waits for their goroutines.
func (s *tcpServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}
