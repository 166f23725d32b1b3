package lab

import (
	"net"
	"sync"
)

// Server accepts connections and serves each on a goroutine of its own. The servers that the lab plays itself are made
// of it.
type Server struct {
	// Addr is where it listens: "127.0.0.1:port", or the path of a Unix socket.
	Addr string

	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

// anyPort is the address of a [Server] that may have any free port.
const anyPort = "127.0.0.1:0"

// StartServer listens at an address, as [net.Listen] takes it. The function serve returns when its connection fails,
// which Close makes happen; the connection is closed then. The caller closes the server.
func StartServer(network, addr string, serve func(net.Conn)) (*Server, error) {
	listener, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: listener.Addr().String(), listener: listener, open: make(map[net.Conn]bool)}
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
	return s, nil
}

func (s *Server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = true
	}
	return !s.closed
}

func (s *Server) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	conn.Close()
}

// Close ends the listener and all connections, and waits for their goroutines.
func (s *Server) Close() error {
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
