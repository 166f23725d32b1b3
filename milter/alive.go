package milter

import (
	"context"
	"fmt"
	"net"
	"time"
)

// wakeable is a listener whose Accept can be woken, as that of TCP and of Unix sockets.
type wakeable interface {
	net.Listener
	SetDeadline(time.Time) error
}

// Alive returns nil when every goroutine that accepts connections has come round once more, for which it is woken, and an
// error when ctx ends before that, or when nobody accepts connections. It takes no connection.
func (s *Server) Alive(ctx context.Context) error {
	turns, err := s.wake()
	if err != nil {
		return err
	}
	for _, turn := range turns {
		select {
		case <-turn:
		case <-ctx.Done():
			return fmt.Errorf("connections are not accepted: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Serving returns a channel that is closed when Serve has its first listener: from then on, Alive asks it.
func (s *Server) Serving() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beginning()
}

// beginning is for those who hold mu.
func (s *Server) beginning() chan struct{} {
	if s.begun == nil {
		s.begun = make(chan struct{})
	}
	return s.begun
}

// wake wakes the goroutines that accept connections, and returns where each tells that it has come round.
func (s *Server) wake() ([]<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.listeners) == 0 {
		return nil, ErrServerClosed
	}
	var turns []<-chan struct{}
	for _, l := range s.listeners {
		w, ok := l.(wakeable)
		if !ok {
			continue
		}
		if err := w.SetDeadline(time.Unix(1, 0)); err != nil {
			return nil, fmt.Errorf("connections are not accepted: %w", err)
		}
		turn := make(chan struct{})
		if s.asked == nil {
			s.asked = make(map[net.Listener][]chan<- struct{})
		}
		s.asked[l] = append(s.asked[l], turn)
		turns = append(turns, turn)
	}
	return turns, nil
}

// woken has Accept of a listener wait again, and tells those who have woken it.
func (s *Server) woken(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, turn := range s.asked[l] {
		close(turn)
	}
	delete(s.asked, l)
	if w, ok := l.(wakeable); ok {
		_ = w.SetDeadline(time.Time{}) // fails where the listener is closed, as Accept will
	}
}
