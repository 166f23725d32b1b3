package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// beginSystemd boots systemd as the first process, in what it takes for a container (systemd.io/CONTAINER_INTERFACE):
// folders that are its own, control groups below one of the machine's, and nothing of the machine's kernel that can be
// set.
const beginSystemd = begin + `
mount -t cgroup2 cgroup2 mnt
mkdir "mnt/$4"
echo 0 >"mnt/$4/cgroup.procs"
umount mnt
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
rm -f usr/sbin/policy-rc.d
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
echo ready
exec unshare --cgroup sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec env -i container=lab /lib/systemd/systemd --show-status=no'
`

// control is the name of the control group that has the host's processes.
func (h *Host) control() string { return filepath.Base(h.dir) }

// waitBooted waits until systemd has started what it is to start.
func (h *Host) waitBooted(ctx context.Context) error {
	state := ""
	err := until(ctx, h.init.done, func() (bool, error) {
		out, _ := h.Command(ctx, "systemctl", "is-system-running").Output() // it fails in all states but one
		state = strings.TrimSpace(string(out))
		return state == "running" || state == "degraded", nil
	})
	if err != nil {
		return fmt.Errorf("boot systemd, whose state is %q: %w%s", state, err, quoteLog(h.init.Log()))
	}
	if state == "degraded" {
		failed, err := h.Run(ctx, "systemctl", "--failed", "--no-legend", "--plain")
		return errors.Join(errors.New("boot systemd: services do not start:\n"+failed), err)
	}
	return nil
}

// Reboot has systemd stop all services and boots the host again, with its files as they are. Its network stays
// up.
func (h *Host) Reboot(ctx context.Context) error {
	// It has done its work when it is killed with all others.
	out, err := h.Command(ctx, "systemctl", "reboot").CombinedOutput()
	select {
	case <-h.init.done:
	case <-ctx.Done():
		return fmt.Errorf("reboot a host: %w", errors.Join(ctx.Err(), err, errors.New(string(out))))
	}
	if err := h.end(); err != nil {
		return fmt.Errorf("reboot a host: %w", err)
	}
	if err := h.start(ctx); err != nil {
		return fmt.Errorf("reboot a host: %w", err)
	}
	return nil
}

// removeControl removes the host's control groups as soon as the last of its processes has left them.
func (h *Host) removeControl() error {
	const remove = `
mount -t cgroup2 cgroup2 "$1"
cd "$1/$2" 2>/dev/null || exit 0
while grep -q '^populated 1' cgroup.events; do sleep 0.05; done
find . -mindepth 1 -depth -type d -exec rmdir {} + && cd .. && rmdir "$2"`
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mountpoint := filepath.Join(h.dir, "root")
	out, err := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", remove, "sh", mountpoint, h.control()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remove the control groups of a host: %w%s", err, quoteLog(string(out)))
	}
	return nil
}
