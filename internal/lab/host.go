package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// HostConfig says what a throw-away host is like.
type HostConfig struct {
	// Name is its host name, fully qualified.
	Name string
	// Packages are installed on it, such as "postfix".
	Packages []string
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// Host is a throw-away host with a Debian of its own: root file system, network (loopback alone), host name and
// processes, which end with it. What the machine's own packages would do by systemd is left to the caller. Its methods
// are safe for concurrent use.
type Host struct {
	dir  string // what was written, over the cached file system
	init *Process
	pid  int // of its first process, as this machine sees it
}

// StartHost starts a host. The caller closes it. Root is needed.
func StartHost(ctx context.Context, config HostConfig) (*Host, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("start a host: run as root, others cannot mount its file system")
	}
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	lower, err := rootFS(ctx, config.Progress, config.Packages)
	if err != nil {
		return nil, fmt.Errorf("start a host: %w", err)
	}
	h := &Host{}
	if h.dir, err = os.MkdirTemp("", "sealmilter-host-"); err == nil {
		err = h.start(ctx, lower, config.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("start a host: %w", errors.Join(err, h.Close()))
	}
	return h, nil
}

// begin is run by the first process: it makes the file system and the network, and then collects orphans.
const begin = `
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root" &&
mount -t proc proc "$2/root/proc" && hostname "$3" && chroot "$2/root" ip link set lo up && echo ready &&
while :; do sleep 1000; done
`

func (h *Host) start(ctx context.Context, lower, name string) (err error) {
	for _, folder := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(h.dir, folder), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(h.dir, 0o755); err != nil {
		return err
	}
	h.init, err = StartProcess(exec.Command("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child",
		"sh", "-c", begin, "sh", lower, h.dir, name))
	if err != nil {
		return err
	}
	if err := h.init.WaitLog(ctx, "ready"); err != nil {
		return err
	}
	outer := h.init.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", outer))
	if err != nil {
		return err
	}
	if h.pid, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
		return err
	}
	hosts := "127.0.0.1 localhost\n127.0.1.1 " + name + " " + strings.SplitN(name, ".", 2)[0] + "\n"
	return errors.Join(
		os.WriteFile(h.Path("/etc/hosts"), []byte(hosts), 0o644),
		os.WriteFile(h.Path("/etc/hostname"), []byte(name+"\n"), 0o644),
		os.WriteFile(h.Path("/etc/resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o644))
}

// Path returns where a file of the host can be had by this process, as long as the host runs. Links in it lead to
// places of this machine.
func (h *Host) Path(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", h.pid), h.dir, "root", path)
}

// Command prepares a command on the host, to be run by root. Its environment is that of a login.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	inside := []string{"--target", strconv.Itoa(h.pid), "--net", "--mount", "--uts", "--pid",
		"chroot", filepath.Join(h.dir, "root"), name}
	cmd := exec.CommandContext(ctx, "nsenter", append(inside, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}
	return cmd
}

// Run runs a command on the host and returns what it printed, output and errors together.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := h.Command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w%s", name, strings.Join(args, " "), err, quoteLog(out.String()))
	}
	return out.String(), nil
}

// Install copies a program of this machine to the host.
func (h *Host) Install(program, path string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(h.Path(path), content, 0o755)
}

// Inside calls work on a thread in the host's network: sockets that work opens itself belong there for good, also when
// they are used elsewhere later.
func (h *Host) Inside(work func() error) error {
	done := make(chan error)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		done <- h.enter(work)
	}()
	return <-done
}

func (h *Host) enter(work func() error) error {
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.pid))
	if err != nil {
		return err
	}
	defer network.Close()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network of a host: %w", err)
	}
	return work()
}

// Close ends all processes of the host and removes its files. It may be called again.
func (h *Host) Close() error {
	var ended error
	if h.init != nil {
		ended = h.init.Kill()
		h.init = nil
	}
	return errors.Join(ended, os.RemoveAll(h.dir))
}
