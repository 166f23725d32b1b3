package systemd_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/systemd"
)

// patience bounds a wait for something that never comes.
const patience = time.Minute

// asService is set in a process that the tests run in the place of a daemon.
const asService = "SEALMILTER_TEST_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(asService) == "" {
		os.Exit(m.Run())
	}
	if err := service(); err != nil {
		fmt.Println("error:", err)
	}
}

// service says what it finds, and greets one client of each socket.
func service() error {
	m, err := systemd.FromEnvironment()
	if err != nil {
		return err
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "LISTEN_") || strings.HasPrefix(variable, "WATCHDOG_") || strings.HasPrefix(variable, "NOTIFY_") {
			fmt.Println("left:", variable)
		}
	}
	fmt.Println("watchdog:", m.Watchdog())
	var all []net.Listener
	for _, name := range []string{"milter", "admin"} {
		l, err := m.Listener(name)
		if err != nil {
			return err
		}
		if l != nil {
			fmt.Println(name+":", l.Addr())
			all = append(all, l)
		}
	}
	fmt.Printf("unused: %q\n", m.Unused())
	for _, l := range all {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		fmt.Fprint(conn, "hello")
		if err := conn.Close(); err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// command runs a service by way of a shell, which sets variables to its own number as a manager would.
func command(t *testing.T, variables string, files ...*os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", variables+` exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), asService+"=1")
	cmd.ExtraFiles = files
	return cmd
}

// open returns the file of a new listener, and its address.
func open(t *testing.T, network, address string) (file *os.File, addr net.Addr) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	switch l := l.(type) {
	case *net.TCPListener:
		file, err = l.File()
	case *net.UnixListener:
		l.SetUnlinkOnClose(false)
		file, err = l.File()
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Cleanup(func() { file.Close() })
	return file, l.Addr()
}

// TestSockets hands sockets over twice, as to a service that is restarted: nobody is refused in between.
func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	milter, at := open(t, "tcp", "127.0.0.1:0")
	admin, _ := open(t, "unix", path)
	other, _ := open(t, "tcp", "127.0.0.1:0")
	for range 2 {
		var clients []net.Conn
		for _, to := range []net.Addr{at, &net.UnixAddr{Name: path, Net: "unix"}} {
			conn, err := net.Dial(to.Network(), to.String()) // before there is a process
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			clients = append(clients, conn)
		}
		out, err := command(t, `LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=admin:milter:more`, admin, milter, other).CombinedOutput()
		want := fmt.Sprintf("watchdog: 0s\nmilter: %v\nadmin: %s\nunused: [\"more\"]\n", at, path)
		if err != nil || string(out) != want {
			t.Fatalf("%v\n%s\nwant\n%s", err, out, want)
		}
		for _, conn := range clients {
			if text, err := io.ReadAll(conn); err != nil || string(text) != "hello" {
				t.Errorf("a client read %q, %v", text, err)
			}
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's socket: %v", err)
	}
}

// TestEnvironment has a manager, or somebody else, leave this and that in the environment.
func TestEnvironment(t *testing.T) {
	idle, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	one, _ := open(t, "tcp", "127.0.0.1:0")
	two, _ := open(t, "tcp", "127.0.0.1:0")
	const nothing = "watchdog: 0s\nunused: []\n"
	for _, tc := range []struct{ variables, want string }{
		{``, nothing},
		{`LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=milter`, nothing},
		{`LISTEN_FDS=1 LISTEN_FDNAMES=milter`, nothing},
		{`LISTEN_PID=$$ LISTEN_FDS=0`, nothing},
		{`LISTEN_PID=$$ LISTEN_FDS=x`, `LISTEN_FDS is "x"`},
		{`LISTEN_PID=$$ LISTEN_FDS=-1`, `LISTEN_FDS is "-1"`},
		{`LISTEN_PID=$$ LISTEN_FDS=65`, `LISTEN_FDS is "65"`},
		{`LISTEN_PID=$$ LISTEN_FDS=1`, `unused: [""]`},
		{`LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=sealmilter.socket`, `unused: ["sealmilter.socket"]`},
		{`LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=milter`, `the socket "milter" of the service manager: it does not wait for connections`},
		{`LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=x:milter:milter`, `several sockets of the name "milter"`},
		{`WATCHDOG_USEC=30000000 WATCHDOG_PID=$$`, "watchdog: 30s\nunused: []\n"},
		{`WATCHDOG_USEC=30000000`, "watchdog: 30s\nunused: []\n"},
		{`WATCHDOG_USEC=30000000 WATCHDOG_PID=1`, nothing},
		{`WATCHDOG_USEC=0`, `WATCHDOG_USEC is "0"`},
		{`WATCHDOG_USEC=99999999999999999999`, `a day at most`},
		{`NOTIFY_SOCKET=/nowhere`, nothing},
	} {
		out, err := command(t, tc.variables, idle, one, two).CombinedOutput()
		if err != nil || !strings.Contains(string(out), tc.want) || strings.Contains(string(out), "left:") {
			t.Errorf("%s: %v\n%s\nwant\n%s", tc.variables, err, out, tc.want)
		}
	}
}

// TestNotify reads what a manager would.
func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@sealmilter-test-%d", os.Getpid())} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		t.Setenv("NOTIFY_SOCKET", name)
		m, err := systemd.FromEnvironment()
		if err != nil || !m.Listens() {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			say  func() error
			want string
		}{
			{m.Ready, "READY=1"},
			{func() error { return m.Status("12 messages\nREADY=1") }, "STATUS=12 messages READY=1"},
			{m.Reloading, `RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*`},
			{func() error { return m.Stopping(time.Minute) }, `STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000`},
			{func() error { return m.Extend(1500 * time.Millisecond) }, `EXTEND_TIMEOUT_USEC=1500000`},
			{m.Alive, "WATCHDOG=1"},
		} {
			if err := tc.say(); err != nil {
				t.Error(err)
			}
			conn.SetReadDeadline(time.Now().Add(patience))
			text := make([]byte, 1000)
			n, err := conn.Read(text)
			if !regexp.MustCompile("^" + tc.want + "$").Match(text[:n]) {
				t.Errorf("%q, %v; want %s", text[:n], err, tc.want)
			}
		}
		conn.Close()
		if err := m.Ready(); err == nil {
			t.Error("nobody hears it, and that is no error")
		}
	}
}

// TestNoManager does everything without one.
func TestNoManager(t *testing.T) {
	var m systemd.Manager
	l, err := m.Listener("milter")
	if l != nil || err != nil || m.Listens() || m.Watchdog() != 0 || len(m.Unused()) > 0 {
		t.Errorf("%v, %v", l, err)
	}
	for _, err := range slices.Collect(func(yield func(error) bool) {
		_ = yield(m.Ready()) && yield(m.Status("x")) && yield(m.Reloading()) && yield(m.Stopping(1)) && yield(m.Extend(1)) && yield(m.Alive())
	}) {
		if err != nil {
			t.Error(err)
		}
	}
}
