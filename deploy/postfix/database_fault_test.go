package postfix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/store"
)

// lone is a relay host with the built-in database.
type lone struct {
	*scenario.Cluster
	ctx  context.Context
	host *relayHost
}

// newLone starts a host whose recipients of [threefold] have been written to before, after prepare has seen its state
// directory.
func newLone(t *testing.T, program string, prepare func(state string)) *lone {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	l := &lone{Cluster: newWorld(t, ctx, program), ctx: ctx}
	l.host = newHost(t, ctx, l.Cluster, "lone")
	prepare(l.host.State)
	if err := l.host.Configure("", ""); err != nil {
		t.Fatal(err)
	}
	enrol(t, ctx, l.Cluster, l.host, "alice@example.org")
	for _, addr := range []string{keyed, hidden, "new@example.net"} {
		join(t, ctx, l.Cluster, l.host, addr)
	}
	if err := l.host.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	l.submit(t, "250", "before", append(half, rest...))
	return l
}

func (l *lone) submit(t *testing.T, reply, id string, got []string) {
	t.Helper()
	submit(t, l.ctx, l.Cluster, l.host, threefold(id, reply, got))
}

// refused makes sure that a recipient is told to try again.
func (l *lone) refused(t *testing.T, to string) {
	t.Helper()
	submitRefused(t, l.ctx, l.host, to)
}

// logged makes sure that the log says something, and no part of a message.
func (l *lone) logged(t *testing.T, why string) {
	t.Helper()
	if log := l.host.Log(); !strings.Contains(log, why) || strings.Contains(log, "must know") {
		t.Errorf("the log does not say %q, or too much:\n%s", why, log)
	}
}

// TestBuiltInDatabase has what can happen to the file in the state directory.
func TestBuiltInDatabase(t *testing.T) {
	t.Parallel()
	program := stock.Build(t)
	for name, test := range map[string]func(*testing.T, string){"locked": testLocked, "disk": testDisk, "damaged": testDamaged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, program)
		})
	}
}

// testLocked has another process write for longer than a message can wait. Nothing leaves that cannot be recorded.
func testLocked(t *testing.T, program string) {
	l := newLone(t, program, func(string) {})
	release := l.lock(t)
	l.submit(t, "451 4.3.0", "locked", nil)
	l.logged(t, "another process has been writing for too long")
	release()
	l.submit(t, "250", "locked", append(half, rest...))
	t.Run("killed", l.killedAtRecord)
}

// killedAtRecord kills the milter when the first copy has reached its mailbox and waits to be recorded. Its witness records
// it when that can be done: the next try is told to wait as long, and then sends each other copy.
func (l *lone) killedAtRecord(t *testing.T) {
	before := len(l.Sink.Deliveries())
	var release func()
	locked := l.host.door.meanwhile(l.ctx, hidden, "OK", func() error {
		release = l.lock(t)
		return nil
	})
	killed := make(chan error, 1)
	go func() {
		err := <-locked
		if err == nil {
			_, err = l.Sink.Wait(l.ctx, before+1)
		}
		killed <- errors.Join(err, l.host.Kill())
	}()
	l.submit(t, "451", "killed", half)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	release()
	if err := l.host.Serve(l.ctx); err != nil {
		t.Fatal(err)
	}
	again := threefold("killed", "250", rest).parse(t)
	for {
		arrived, err := l.Submit(l.ctx, again, l.host.mta)
		if err == nil {
			err = l.Check(l.ctx, again, arrived)
		}
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "451 4.4.5 This message is being sent already.") {
			t.Fatal(err)
		}
	}
}

// lock keeps everybody else from writing to the database, as another process may, until the function is called.
func (l *lone) lock(t *testing.T) (release func()) {
	t.Helper()
	other, err := store.Open(l.ctx, filepath.Join(l.host.State, "sealmilter.db"))
	if err != nil {
		t.Fatal(err)
	}
	locked, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- other.UpdateKeys(l.ctx, func(*store.KeyTx) error {
			close(locked)
			<-free
			return nil
		})
	}()
	release = sync.OnceFunc(func() {
		close(free)
		if err := errors.Join(<-done, other.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	select {
	case <-locked:
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return release
}

// testDisk has a state directory on a disk that cannot be written to.
func testDisk(t *testing.T, program string) {
	l := newLone(t, program, func(state string) { mount(t, state) })
	t.Run("full", l.diskFull)
	t.Run("read-only", l.diskReadOnly)
}

// diskFull fills the disk. No copy is sent then, for it might not be recorded, so mail waits; a message that needs no record
// goes on. What there is room for in the log is kept for the records of copies on their way.
func (l *lone) diskFull(t *testing.T) {
	fill := filepath.Join(l.host.State, "fill")
	if err := os.WriteFile(fill, make([]byte, diskSize), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	l.submit(t, "451 4.3.0", "full", nil)
	l.logged(t, "check the disk and its free space")
	submit(t, l.ctx, l.Cluster, l.host, letter{id: "one", to: []string{keyed}, got: rest[:1]})
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	l.submit(t, "250", "full", append(half, rest...))
	submit(t, l.ctx, l.Cluster, l.host, letter{id: "new", to: []string{"new@example.net"}, got: []string{"new@example.net: encrypted"}})
}

// diskReadOnly makes the disk read-only, which it cannot become while a process writes there: the daemon does not start. The
// witness of the one that was killed writes its last records meanwhile, and ends.
func (l *lone) diskReadOnly(t *testing.T) {
	if err := l.host.Kill(); err != nil {
		t.Fatal(err)
	}
	err := syscall.EBUSY
	for again := time.NewTicker(10 * time.Millisecond); errors.Is(err, syscall.EBUSY) && l.ctx.Err() == nil; <-again.C {
		err, _ = syscall.Mount("", l.host.State, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "").(syscall.Errno)
	}
	if err != 0 {
		t.Fatal(err)
	}
	fails(t, l.ctx, l.host, "may write to both")
	if err := syscall.Mount("", l.host.State, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	if err := l.host.Serve(l.ctx); err != nil {
		t.Fatal(err)
	}
	l.submit(t, "250", "writable", append(half, rest...))
}

// testDamaged overwrites the file under a running daemon. Neither that one nor the next one does anything before
// the file has been put back.
func testDamaged(t *testing.T, program string) {
	l := newLone(t, program, func(string) {})
	file := filepath.Join(l.host.State, "sealmilter.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, file, bytes.Repeat([]byte{0xa5}, len(whole)))
	l.refused(t, "new@example.net")
	l.logged(t, "the file is damaged")
	if err := l.host.Kill(); err != nil {
		t.Fatal(err)
	}
	fails(t, l.ctx, l.host, "the file is damaged")
	overwrite(t, file, whole)
	if err := l.host.Serve(l.ctx); err != nil {
		t.Fatal(err)
	}
	l.submit(t, "250", "after", append(half, rest...))
	submit(t, l.ctx, l.Cluster, l.host, letter{id: "new", to: []string{"new@example.net"}, got: []string{"new@example.net: encrypted"}})
}

// overwrite changes the bytes of a file that others have open.
func overwrite(t *testing.T, file string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// diskSize is the size of a file system of [mount] in octets. The log of a database takes 4 MiB before it is used again.
const diskSize = 12 << 20

// mount puts a small file system of its own into a directory, until the test ends.
func mount(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=0700,size=%d", diskSize)); err != nil {
		t.Fatalf("mount a small disk, which takes root and a machine that may mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
