package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// served is a daemon, and the service manager that it was started by.
type served struct {
	*lab.Process
	t    *testing.T
	ctx  context.Context
	file string // of the configuration
	// notify is the manager's socket.
	notify *net.UnixConn
	// listen and admin are the daemon's addresses.
	listen, admin string
	program       string
}

func newServed(t *testing.T) *served {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	t.Cleanup(cancel)
	dir := t.TempDir()
	s := &served{t: t, ctx: ctx, program: shared.Build(t), file: filepath.Join(dir, "sealmilter.toml"),
		listen: labtest.Reserve(t), admin: labtest.Reserve(t)}
	var err error
	if s.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.notify.Close() })
	s.configure("")
	return s
}

// configure writes the configuration, with further lines.
func (s *served) configure(lines string) {
	s.t.Helper()
	text := fmt.Sprintf("listen = \"inet:%s\"\nreinject = \"127.0.0.1:10026\"\nadmin = %q\nstate = %q\nkeys.sources = [\"local\"]\n%s",
		s.listen, s.admin, filepath.Join(filepath.Dir(s.file), "state"), lines)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the daemon with variables that a shell sets, so that they can name its own number.
func (s *served) start(variables string, files ...*os.File) {
	s.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", variables+` exec "$0" serve -c "$1"`, s.program, s.file)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.notify.LocalAddr().String())
	cmd.ExtraFiles = files
	process, err := lab.StartProcess(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Process = process
	s.t.Cleanup(func() { process.Kill() })
}

// hears reads what the daemon tells until it tells something that begins so, and returns all of it.
func (s *served) hears(want string) (all []string) {
	s.t.Helper()
	deadline, _ := s.ctx.Deadline()
	s.notify.SetReadDeadline(deadline)
	text := make([]byte, 10_000)
	for {
		n, err := s.notify.Read(text)
		if err != nil {
			s.t.Fatalf("it does not say %q but %q: %v\n%s", want, all, err, s.Log())
		}
		all = append(all, string(text[:n]))
		if strings.HasPrefix(all[len(all)-1], want) {
			return all
		}
	}
}

// TestServiceTellsItsManager goes through a start, reloads and the end.
func TestServiceTellsItsManager(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	s.start("WATCHDOG_PID=$$ WATCHDOG_USEC=3000000")
	s.hears("READY=1")
	conn, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatalf("it is ready and does not listen: %v", err)
	}
	conn.Close()
	s.hears("STATUS=policy prefer; 0 messages in work")
	for range 3 {
		s.hears("WATCHDOG=1")
	}

	s.configure("policy.mode = \"what\"\n")
	reload := func(begin, end string) {
		t.Helper()
		if err := s.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{begin, "READY=1", end} {
			s.hears(want)
		}
	}
	reload("RELOADING=1\nMONOTONIC_USEC=", "STATUS=policy prefer; 0 messages in work; the latest configuration was refused and is not in force: "+s.file+":6:")
	s.configure("policy.mode = \"require\"\nlimits.recipients = 7\nlog.level = \"debug\"\n")
	reload("RELOADING=1", "STATUS=policy require; 0 messages in work")
	if log := s.Log(); !strings.Contains(log, `event=config.needs-restart settings="limits.recipients, log"`) {
		t.Errorf("the log does not name what needs a restart:\n%s", log)
	}

	// The process that watches over the daemon must not speak for it.
	for _, child := range s.children() {
		if environment, err := os.ReadFile("/proc/" + child + "/environ"); err != nil || strings.Contains(string(environment), "NOTIFY_SOCKET") ||
			strings.Contains(string(environment), "WATCHDOG_") {
			t.Errorf("%q, %v", environment, err)
		}
		// A watchdog's signal goes to all processes of the service, and this one has to outlive the daemon.
		if status, err := os.ReadFile("/proc/" + child + "/status"); err != nil || !ignores(string(status), syscall.SIGABRT) || !ignores(string(status), syscall.SIGHUP) {
			t.Errorf("%v\n%s", err, status)
		}
	}

	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
	if err := s.Wait(s.ctx); err != nil {
		t.Errorf("%v\n%s", err, s.Log())
	}
}

// children are the processes that the daemon has started.
func (s *served) children() []string {
	s.t.Helper()
	out, err := exec.CommandContext(s.ctx, "pgrep", "-P", fmt.Sprint(s.PID())).Output()
	children := strings.Fields(string(out))
	if err != nil || len(children) != 1 {
		s.t.Errorf("children %q, %v", children, err)
	}
	return children
}

// childHas reports whether a process that the daemon has started has a file open.
func (s *served) childHas(link string) bool {
	s.t.Helper()
	for _, child := range s.children() {
		open, err := filepath.Glob("/proc/" + child + "/fd/*")
		if err != nil || len(open) == 0 {
			s.t.Errorf("descriptors %q, %v", open, err)
		}
		for _, fd := range open {
			if there, err := os.Readlink(fd); err == nil && there == link {
				return true
			}
		}
	}
	return false
}

// ignores reads the status of a process (proc(5)).
func ignores(status string, sig syscall.Signal) bool {
	_, mask, _ := strings.Cut(status, "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	bits, err := strconv.ParseUint(mask, 16, 64)
	return err == nil && bits>>(sig-1)&1 == 1
}

// TestServiceKeepsSockets restarts a daemon whose sockets a manager has: a client that comes in between waits, and is
// served.
func TestServiceKeepsSockets(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	var files []*os.File
	publish := labtest.Reserve(t)
	s.configure(fmt.Sprintf("publish.listen = %q\n", publish))
	// The last one has a number that no file of the witness has.
	for _, address := range []string{publish, s.admin, s.listen} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files = append(files, file)
	}
	socket, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", files[2].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	const variables = "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=publish:admin:milter"
	s.start(variables, files...)
	s.hears("READY=1")
	if s.childHas(socket) {
		t.Errorf("the process that outlives the daemon has its %s", socket)
	}
	if err := s.Stop(s.ctx); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	waiting := make(chan error, 1)
	client, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatalf("between two daemons a client is refused: %v", err)
	}
	defer client.Close()
	go func() {
		// The negotiation of the milter protocol: version 6, all actions and all steps.
		if _, err := client.Write([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")); err != nil {
			waiting <- err
			return
		}
		answer := make([]byte, 5)
		client.SetReadDeadline(time.Now().Add(labtest.Patience))
		_, err := client.Read(answer)
		if err == nil && answer[4] != 'O' {
			err = fmt.Errorf("the answer is %q", answer)
		}
		waiting <- err
	}()
	s.start(variables, files...)
	s.hears("READY=1")
	if err := <-waiting; err != nil {
		t.Errorf("the client that waited: %v\n%s", err, s.Log())
	}
	if err := s.Stop(s.ctx); err != nil {
		t.Errorf("%v\n%s", err, s.Log())
	}

	s.admin = labtest.Reserve(t)
	s.configure("")
	for names, want := range map[string]string{
		"milter:more":           `nothing is done with the sockets ["more"]`,
		"sealmilter.socket:xyz": `address already in use`,
		"admin:milter":          "and listen says " + s.listen + "; give both the same address",
		"milter:milter":         `several sockets of the name "milter"`,
	} {
		s.start("LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES="+names, files[2], files[1])
		s.hears("STATUS=ended by an error")
		if err := s.Wait(s.ctx); err == nil || !strings.Contains(s.Log(), want) {
			t.Errorf("%s: %v, and the log does not say %q\n%s", names, err, want, s.Log())
		}
	}
}

// TestFailedStartIsToldLast starts the daemon with a configuration that it does not take, which it knows before it has opened
// anything. systemctl status shows what it was told last.
func TestFailedStartIsToldLast(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	if err := os.WriteFile(s.file, []byte("mode = \"what\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.start("")
		s.hears("STATUS=ended by an error")
		if err := s.Wait(s.ctx); err == nil {
			t.Fatal("it serves")
		}
		if _, err := s.notify.WriteToUnix([]byte("over"), s.notify.LocalAddr().(*net.UnixAddr)); err != nil {
			t.Fatal(err)
		}
		if after := s.hears("over"); len(after) != 1 {
			t.Fatalf("its last words are %q", after)
		}
	}
}

// TestServiceActivated has systemd's own program wait for the first client.
func TestServiceActivated(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	var systemd lab.Tree
	var err error
	if _, missing := exec.LookPath("/usr/bin/systemd-socket-activate"); missing != nil {
		if systemd, err = lab.Unpack(s.ctx, t.Output(), "systemd"); err != nil {
			t.Fatal(err)
		}
	}
	cmd := systemd.Command(context.WithoutCancel(s.ctx), "/usr/bin/systemd-socket-activate", "--listen="+s.listen, "--fdname=milter",
		"--setenv=NOTIFY_SOCKET="+s.notify.LocalAddr().String(), s.program, "serve", "-c", s.file)
	if s.Process, err = lab.StartProcess(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill() })
	if err := s.WaitListen(s.ctx, "tcp", s.listen); err != nil { // which is the first client
		t.Fatal(err)
	}
	s.hears("READY=1")
	if err := s.Stop(s.ctx); err != nil {
		t.Errorf("%v\n%s", err, s.Log())
	}
}

// TestServeTest reads configurations as systemctl reload does at first.
func TestServeTest(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	for lines, want := range map[string]string{
		"":                                      "The configuration is valid.",
		"policy.mode = \"what\"":                "sealmilter.toml:6:",
		"keys.ca_file = \"missing\"":            "keys.ca_file: open ",
		"keys.smime = \"missing\"":              "missing",
		"crypto.archive_certificate = \"none\"": "crypto.archive_certificate: ",
	} {
		s.configure(lines)
		out, err := exec.CommandContext(s.ctx, s.program, "serve", "-c", s.file, "--test").CombinedOutput()
		if (err == nil) != (lines == "") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", lines, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.file), "state")); err == nil {
		t.Error("a state directory was made")
	}
}
