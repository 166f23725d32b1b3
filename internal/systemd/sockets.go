package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstSocket is the descriptor of the first socket (SD_LISTEN_FDS_START).
const firstSocket = 3

// mostSockets is far more than a daemon can want.
const mostSockets = 64

// socket is one that was opened for this process.
type socket struct {
	name string
	file *os.File
}

// inherit takes the sockets whose number and names the environment tells. Nobody else inherits them.
func inherit(number, names string) ([]socket, error) {
	count, err := strconv.Atoi(number)
	if err != nil || count < 0 || count > mostSockets {
		return nil, fmt.Errorf("LISTEN_FDS is %q; a number of sockets is expected, %d at most", number, mostSockets)
	}
	all := make([]socket, count)
	each := strings.Split(names, ":")
	for i := range all {
		syscall.CloseOnExec(firstSocket + i)
		if i < len(each) {
			all[i].name = each[i]
		}
		all[i].file = os.NewFile(uintptr(firstSocket+i), all[i].name)
	}
	return all, nil
}

// Listener returns the socket with a name, nil if there is none. The socket stays open in the manager when the listener is
// closed: whoever connects then waits for the next process.
func (m *Manager) Listener(name string) (net.Listener, error) {
	var l net.Listener
	for i, s := range m.sockets {
		if s.name != name || s.file == nil {
			continue
		}
		if l != nil {
			return nil, errors.Join(fmt.Errorf("the service manager has several sockets of the name %q; one is expected", name), l.Close())
		}
		var err error
		if l, err = listener(s.file); err != nil {
			return nil, fmt.Errorf("the socket %q of the service manager: %w", name, err)
		}
		m.sockets[i].file = nil
	}
	return l, nil
}

// Unused returns the names of the sockets that were not asked for.
func (m *Manager) Unused() []string {
	var names []string
	for _, s := range m.sockets {
		if s.file != nil {
			names = append(names, s.name)
		}
	}
	return names
}

// listener makes a listener of a file, which it closes.
func listener(file *os.File) (net.Listener, error) {
	defer file.Close()
	for option, want := range map[int]int{unix.SO_ACCEPTCONN: 1, unix.SO_TYPE: unix.SOCK_STREAM} {
		if got, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, option); err != nil || got != want {
			return nil, errors.New("it does not wait for connections: it wants ListenStream= and Accept=no")
		}
	}
	return net.FileListener(file)
}
