package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sealmilter/internal/lab"
)

// fault is something that goes wrong for a while. It begins at the call, and ends with the function that is returned.
type fault struct {
	name  string
	begin func(ctx context.Context) (end func() error, err error)
}

// weather makes one fault after the other.
type weather struct {
	random *rand.Rand
	site   *site
	daemon *daemon
	marks  *marks
	// strace is where the program is.
	strace lab.Tree
	// told gets the name of a fault when it begins, and "" when it ends.
	told    func(name string)
	version int // of the configuration
}

func (w *weather) faults() []fault {
	return []fault{
		{"loopback listener gone", w.removeListener},
		{"loopback listener frozen", w.freezeListener},
		{"disk full", w.fillDisk},
		{"disk slow", w.slowDisk},
		{"database locked", w.lockDatabase},
		{"key directory down", func(context.Context) (func() error, error) { return w.breakDirectory(lab.Status(503)) }},
		{"key directory silent", func(context.Context) (func() error, error) { return w.breakDirectory(lab.Hang()) }},
		{"hangups", w.hangUp},
		{"restart", w.restart},
	}
}

// run makes faults until ctx ends. All of them have ended then.
func (w *weather) run(ctx context.Context) error {
	// In another order each time round: every fault comes as often as the others.
	all := w.faults()
	var order []int
	for pause(ctx, time.Duration(500+w.random.IntN(2500))*time.Millisecond) {
		if len(order) == 0 {
			order = w.random.Perm(len(all))
		}
		f, lasts := all[order[0]], time.Duration(500+w.random.IntN(2500))*time.Millisecond
		w.told(f.name)
		order = order[1:]
		if chance(w.random, 10) {
			lasts *= 5 // longer than anybody waits for a lock
		}
		// What has begun is ended, even if the campaign ends meanwhile.
		end, err := f.begin(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		pause(ctx, lasts)
		if err := end(); err != nil {
			return fmt.Errorf("end of %s: %w", f.name, err)
		}
		w.told("")
	}
	return nil
}

// removeListener takes the loopback listener out of master.cf. With the next reload master(8) ends its processes,
// whatever they are doing.
func (w *weather) removeListener(ctx context.Context) (func() error, error) {
	file := filepath.Join(w.site.postfix.Folder(), "conf/master.cf")
	whole, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	// The lines of the listener are from its name to the next service.
	before, after, found := strings.Cut(string(whole), "\n"+w.site.reinject+" inet")
	if !found {
		return nil, fmt.Errorf("%s has no %s", file, w.site.reinject)
	}
	rest := strings.Index(after, "\n\n")
	if rest < 0 {
		return nil, fmt.Errorf("%s does not go on behind %s", file, w.site.reinject)
	}
	ending, err := w.site.copyListeners()
	if err != nil {
		return nil, err
	}
	change := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		if out, err := w.site.postfix.Command(ctx, "postfix", "reload").CombinedOutput(); err != nil {
			return fmt.Errorf("reload Postfix: %w: %s", err, out)
		}
		return nil
	}
	if err := w.marks.write(removalBegins); err != nil {
		return nil, err
	}
	if err := change(before + after[rest:]); err != nil {
		return nil, err
	}
	master, err := w.site.masterID()
	if err != nil {
		return nil, err
	}
	for len(ending) > 0 && pause(ctx, time.Millisecond) {
		ending = slices.DeleteFunc(ending, func(process int) bool { return !isChild(process, master) })
	}
	return func() error { return change(string(whole)) }, w.marks.write(removalDone)
}

// freezeListener stops the processes behind the loopback listener.
func (w *weather) freezeListener(context.Context) (func() error, error) {
	processes, err := w.site.copyListeners()
	if err != nil {
		return nil, err
	}
	master, err := w.site.masterID()
	if err != nil {
		return nil, err
	}
	send := func(sig syscall.Signal) {
		for _, process := range processes {
			if isChild(process, master) {
				syscall.Kill(process, sig) // it may have been killed meanwhile
			}
		}
	}
	send(syscall.SIGSTOP)
	return func() error { send(syscall.SIGCONT); return nil }, nil
}

// fillDisk leaves no room where the state is.
func (w *weather) fillDisk(context.Context) (func() error, error) {
	ballast := filepath.Join(w.site.state, "ballast")
	file, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	w.daemon.ledger(false)
	for err == nil {
		_, err = file.Write(make([]byte, 4<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		defer w.daemon.ledger(true)
		return os.Remove(ballast)
	}, file.Close()
}

// slowDisk makes every flush of the milter slow, by a tracer.
func (w *weather) slowDisk(ctx context.Context) (func() error, error) {
	p := w.daemon.running()
	if p == nil {
		return func() error { return nil }, nil
	}
	cmd := w.strace.Command(ctx, "/usr/bin/strace", "-f", "-q", "-o", "/dev/null", "-p", fmt.Sprint(p.PID()),
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=30000")
	tracer, err := lab.StartProcess(cmd)
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return tracer.Stop(ctx) // it may have ended with the milter
	}, nil
}

// lockDatabase holds the lock that SQLite takes to write in WAL mode (https://www.sqlite.org/walformat.html, section
// 2.3.1), as another process would that writes.
func (w *weather) lockDatabase(context.Context) (func() error, error) {
	const writeLock = 120 // octet of the -shm file
	files, err := filepath.Glob(filepath.Join(w.site.state, "*-shm"))
	if err != nil || len(files) == 0 {
		return func() error { return nil }, err // the database is closed
	}
	file, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: writeLock, Len: 1}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLKW, &lock); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	w.daemon.ledger(false)
	return func() error {
		defer w.daemon.ledger(true)
		return file.Close()
	}, nil
}

// breakDirectory makes the Web Key Directory answer every question in one way.
func (w *weather) breakDirectory(b lab.Behaviour) (func() error, error) {
	w.site.keys.Set(w.site.keys.Host(publishedDomain), "", b)
	return func() error { w.site.keys.Reset(); return nil }, nil
}

// hangUp changes the configuration again and again.
func (w *weather) hangUp(ctx context.Context) (func() error, error) {
	for range 5 + w.random.IntN(20) {
		w.version++
		if err := w.site.writeConfig(w.version); err != nil {
			return nil, err
		}
		w.daemon.signal(syscall.SIGHUP)
		pause(ctx, time.Duration(w.random.IntN(50))*time.Millisecond)
	}
	return func() error { return nil }, nil
}

// restart asks the milter to end. It is started again when it has.
func (w *weather) restart(context.Context) (func() error, error) {
	w.daemon.signal(syscall.SIGTERM)
	return func() error { return nil }, nil
}
