package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sealmilter/internal/lab"
)

// restartPause is how long a milter that has ended stays away, as with RestartSec of systemd.
const restartPause = 100 * time.Millisecond

// daemon is the milter, which is started again whenever it ends. Its methods are safe for concurrent use.
type daemon struct {
	site *site
	log  string // file

	mu      sync.Mutex
	current *lab.Process // nil while there is none
	// unwritable says that nothing can be written to the ledger, and unwritten which milter has lived in such a time.
	unwritable bool
	unwritten  *lab.Process
	starts     int
	stopped    chan struct{} // closed when keep has returned
	cancel     context.CancelFunc
}

// startDaemon starts the milter, and returns when it listens.
func startDaemon(ctx context.Context, s *site) (*daemon, error) {
	d := &daemon{site: s, log: filepath.Join(s.dir, "sealmilter.log"), stopped: make(chan struct{})}
	if err := os.WriteFile(d.log, nil, 0o644); err != nil {
		return nil, err
	}
	first, err := d.start()
	if err != nil {
		return nil, err
	}
	if err := first.WaitListen(ctx, "tcp", s.listen); err != nil {
		return nil, errors.Join(err, first.Kill())
	}
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	go d.keep(keeping, first)
	return d, nil
}

// start runs the program with its log at the end of the file.
func (d *daemon) start() (*lab.Process, error) {
	cmd := exec.Command("sh", "-c", `exec "$0" serve -c "$1" >>"$2" 2>&1`, d.site.program, d.site.config(), d.log)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p, err := lab.StartProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the milter: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = p
	d.starts++
	return p, nil
}

// keep starts the milter again until ctx ends.
func (d *daemon) keep(ctx context.Context, p *lab.Process) {
	defer close(d.stopped)
	for {
		if p.Wait(ctx); ctx.Err() != nil { // how it ended is in its log
			return
		}
		d.mu.Lock()
		d.current = nil
		d.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartPause):
		}
		var err error
		if p, err = d.start(); err != nil {
			return // the clients tell: none of them gets on
		}
	}
}

// running returns the process, nil while there is none.
func (d *daemon) running() *lab.Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current
}

// ledger notes that from now on the ledger can be written to or not.
func (d *daemon) ledger(writable bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwritable, d.unwritten = !writable, d.current
}

// owes reports whether a milter may know of copies that it could not write down.
func (d *daemon) owes(p *lab.Process) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unwritable || d.unwritten == p
}

// signal sends a signal to the milter, if there is one.
func (d *daemon) signal(sig syscall.Signal) {
	if p := d.running(); p != nil {
		p.Signal(sig) // one that has just ended is as good
	}
}

// Close ends the milter for good.
func (d *daemon) Close() error {
	d.cancel()
	<-d.stopped
	p := d.running()
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	return p.Stop(ctx)
}
