package milter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// socketMode lets in the owner and the group, to which the MTA's user is added.
const socketMode = 0o660

// Listen opens the address of a milter in the MTAs' form: "inet:127.0.0.1:8894", "inet:[::1]:8894" or
// "unix:/run/sealmilter/milter.sock". A socket left behind by a server that is gone is replaced; closing the listener
// removes its socket.
//
// TCP connections from it have TCP_NODELAY and keep-alive set, as Go does by default. The first matters: an MTA waits for
// each of our small answers.
func Listen(address string) (net.Listener, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "inet":
		host, port, err := net.SplitHostPort(rest)
		if err != nil || host == "" || port == "" {
			break
		}
		return net.Listen("tcp", rest)
	case "unix":
		if rest == "" {
			break
		}
		return listenUnix(rest, socketMode)
	}
	return nil, fmt.Errorf("milter: cannot listen on %q: write inet:ADDRESS:PORT, such as inet:127.0.0.1:8894, or unix:PATH", address)
}

// ListenPrivate opens a Unix socket as [Listen] does, but at no moment can anybody connect to it than its owner and root.
func ListenPrivate(path string) (net.Listener, error) { return listenUnix(path, 0o600) }

func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// On Linux a socket takes its mode from the descriptor, so that nobody can come in before Chmod undoes the umask.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode)) }); e != nil {
			return e
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// removeStale removes a socket on which nobody listens any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("milter: %s is in the way: it is not a socket", path)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("milter: another server listens on %s", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	default:
		return err
	}
}
