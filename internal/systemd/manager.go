package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is the service manager that has started this process. The zero Manager is none. Its methods that notify are safe
// for concurrent use.
type Manager struct {
	notify   string // the address of its socket, "" if it wants to hear nothing
	watchdog time.Duration
	sockets  []socket
}

// FromEnvironment takes what a service manager has left in the environment for this process, and removes it from there: a
// child process must not pass for its parent. It is called once, before other processes are started.
func FromEnvironment() (*Manager, error) {
	mine := func(variable string) bool { return os.Getenv(variable) == strconv.Itoa(os.Getpid()) }
	m := &Manager{notify: os.Getenv("NOTIFY_SOCKET")}
	if text := os.Getenv("WATCHDOG_USEC"); text != "" && (os.Getenv("WATCHDOG_PID") == "" || mine("WATCHDOG_PID")) {
		usec, err := strconv.ParseInt(text, 10, 64)
		if err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
			return nil, fmt.Errorf("WATCHDOG_USEC is %q; a number of microseconds is expected, a day at most", text)
		}
		m.watchdog = time.Duration(usec) * time.Microsecond
	}
	if mine("LISTEN_PID") {
		var err error
		if m.sockets, err = inherit(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")); err != nil {
			return nil, err
		}
	}
	for _, variable := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(variable); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Listens reports whether somebody wants to hear how this process is.
func (m *Manager) Listens() bool { return m.notify != "" }

// Ready says that the start is over, or that a reload is.
func (m *Manager) Ready() error { return m.send("READY=1") }

// Status says in one line, for people, how the daemon is.
func (m *Manager) Status(text string) error {
	return m.send("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}

// Reloading says that a reload has begun, which [Manager.Ready] ends. The time tells the manager that the reload is an
// answer to its signal, and not to an earlier one.
func (m *Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	return m.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond)))
}

// Stopping says that the daemon is about to end, for which it may need some time more.
func (m *Manager) Stopping(within time.Duration) error {
	return m.send("STOPPING=1", extension(within))
}

// Extend asks for more time to start, counted from now.
func (m *Manager) Extend(by time.Duration) error { return m.send(extension(by)) }

// Watchdog returns within what time [Manager.Alive] is to be called again and again, 0 if nobody waits for it.
func (m *Manager) Watchdog() time.Duration { return m.watchdog }

// Alive says that the daemon lives.
func (m *Manager) Alive() error { return m.send("WATCHDOG=1") }

func extension(by time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(by.Microseconds(), 10)
}

// patience is how long the service manager may take to make room for a datagram.
const patience = 5 * time.Second

// send sends some variables as one datagram. The manager may be started anew meanwhile, so each goes by a socket of its own.
func (m *Manager) send(variables ...string) error {
	if m.notify == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	if err == nil {
		// One that does not read must not hold up mail.
		_ = conn.SetWriteDeadline(time.Now().Add(patience)) // a socket has deadlines
		_, err = conn.Write([]byte(strings.Join(variables, "\n")))
		conn.Close()
	}
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
