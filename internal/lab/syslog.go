package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
)

// syslog takes what programs say to /dev/log where that is led to its socket.
type syslog struct {
	conn    *net.UnixConn
	running sync.WaitGroup

	mu   sync.Mutex
	text strings.Builder
}

// startSyslog listens at path, where everybody may write.
func startSyslog(path string) (*syslog, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("start a syslog: %w", err)
	}
	s := &syslog{conn: conn}
	s.running.Go(func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			s.add(string(buffer[:n]))
		}
	})
	return s, os.Chmod(path, 0o666)
}

// add keeps a line without its priority, the number between angle brackets in front (RFC 3164, section 4.1.1).
func (s *syslog) add(line string) {
	if _, rest, found := strings.Cut(line, ">"); found && strings.HasPrefix(line, "<") {
		line = rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.WriteString(strings.TrimRight(line, "\n\x00") + "\n")
}

// log returns the lines so far.
func (s *syslog) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// close may be called again. The lines stay.
func (s *syslog) close() error {
	err := s.conn.Close()
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
