package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Bind shows a folder of this machine at a path of the host, with what is mounted below it, as long as the host runs. What
// is written there is written to the machine's folder.
func (h *Host) Bind(ctx context.Context, folder, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		done <- h.bind(folder, path)
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("show %s on a host: %w", folder, err)
	}
	return nil
}

// bind takes the folder in the machine's name space of mounts, which the host has left, and puts it into the host's.
func (h *Host) bind(folder, path string) (err error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer func() { err = errors.Join(err, unix.Close(tree)) }()
	mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", h.pid))
	if err != nil {
		return err
	}
	defer mounts.Close()
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // as setns(2) demands of a thread that is one of several
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("setns", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return os.NewSyscallError("move_mount", unix.MoveMount(tree, "", unix.AT_FDCWD, filepath.Clean(path), unix.MOVE_MOUNT_F_EMPTY_PATH))
}
