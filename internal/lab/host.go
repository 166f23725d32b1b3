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
	"slices"
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
	// Systemd boots the host: systemd is its first process, and has started all services when [StartHost] returns. Without
	// it nothing runs that the caller does not start.
	Systemd bool
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// Host is a throw-away host with a Debian of its own: root file system, network (loopback alone), host name and
// processes, which end with it. Its methods are safe for concurrent use, but for [Host.Reboot] and [Host.Close].
type Host struct {
	config HostConfig
	lower  string // the cached file system
	dir    string // what was written over it
	init   *Process
	pid    int      // of its first process, as this machine sees it
	net    *os.File // the network, which outlives a boot
}

// StartHost starts a host. The caller closes it. Root is needed.
func StartHost(ctx context.Context, config HostConfig) (*Host, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("start a host: run as root, others cannot mount its file system")
	}
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	if config.Systemd {
		config.Packages = append(slices.Clone(config.Packages), "systemd-sysv", "dbus")
	}
	lower, err := rootFS(ctx, config.Progress, config.Packages)
	if err != nil {
		return nil, fmt.Errorf("start a host: %w", err)
	}
	h := &Host{config: config, lower: lower}
	if h.dir, err = os.MkdirTemp("", "sealmilter-host-"); err == nil {
		err = h.furnish()
	}
	if err == nil {
		err = h.start(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("start a host: %w", errors.Join(err, h.Close()))
	}
	return h, nil
}

// furnish lays out the file system, and names the host in it.
func (h *Host) furnish() error {
	if err := os.Chmod(h.dir, 0o755); err != nil {
		return err
	}
	for _, folder := range []string{"upper/etc", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(h.dir, folder), 0o755); err != nil {
			return err
		}
	}
	name := h.config.Name
	short, _, _ := strings.Cut(name, ".")
	for file, text := range map[string]string{
		"hosts":       "127.0.0.1 localhost\n127.0.1.1 " + name + " " + short + "\n",
		"hostname":    name + "\n",
		"resolv.conf": "nameserver 127.0.0.1\n",
		"machine-id":  "", // systemd makes one of the host's own
	} {
		if err := os.WriteFile(filepath.Join(h.dir, "upper/etc", file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// begin is run by the first process: it makes the file system and the network, and becomes what the host begins with.
const begin = `set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
hostname "$3"
chroot . ip link set lo up
`

// beginQuietly collects orphans, and starts nothing.
const beginQuietly = begin + `
pivot_root . mnt
umount -l /mnt
echo ready
while :; do sleep 1000; done
`

func (h *Host) start(ctx context.Context) (err error) {
	script := beginQuietly
	if h.config.Systemd {
		script = beginSystemd
	}
	network := []string{"unshare", "--net"}
	if h.net != nil {
		network = []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), h.net.Fd()), "unshare"}
	}
	command := append(network, "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
		"sh", "-c", script, "sh", h.lower, h.dir, h.config.Name, h.control())
	h.init, err = StartProcess(exec.Command(command[0], command[1:]...))
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
	if h.net == nil {
		if h.net, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", h.pid)); err != nil {
			return err
		}
	}
	if h.config.Systemd {
		return h.waitBooted(ctx)
	}
	return nil
}

// Path returns where a file of the host can be had by this process, as long as the host runs. Links in it lead to
// places of this machine.
func (h *Host) Path(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", h.pid), path)
}

// Command prepares a command on the host, to be run by root. Its environment is that of a login.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	inside := []string{"--target", strconv.Itoa(h.pid), "--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd", name}
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
	if err := unix.Setns(int(h.net.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network of a host: %w", err)
	}
	return work()
}

// Close ends all processes of the host and removes its files. It may be called again.
func (h *Host) Close() error {
	err := h.end()
	if h.net != nil {
		err = errors.Join(err, h.net.Close())
		h.net = nil
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}

// end ends all processes of the host.
func (h *Host) end() error {
	if h.init == nil {
		return nil
	}
	ended := h.init.Kill()
	h.init = nil
	if h.config.Systemd {
		ended = errors.Join(ended, h.removeControl())
	}
	return ended
}
