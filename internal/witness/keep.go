package witness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sealmilter/internal/event"
)

// A new witness is started after shortestPause, twice as long when that one ends soon as well, and at most after
// longestPause.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = time.Minute
)

// keep waits for the end of a witness and starts the next one, until ctx ends.
func (w *Witness) keep(ctx context.Context, l *line, err error) {
	pause := shortestPause
	for {
		if err == nil {
			lived := w.after(ctx, longestPause)
			err = w.wait(l)
			if lived() {
				pause = shortestPause
			}
		}
		if ctx.Err() != nil {
			return
		}
		event.WitnessEnded.Log(w.options.Log, event.Err(err), event.Pause(pause))
		if w.options.Wait(ctx, pause) != nil {
			return
		}
		if l, err = w.connect(); err != nil {
			err = fmt.Errorf("%w; check the limits for processes and open files, and that the program's file is still there", err)
		}
		pause = min(2*pause, longestPause)
	}
}

// after returns a function, to be called once, that reports whether a time has passed since.
func (w *Witness) after(ctx context.Context, d time.Duration) (passed func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan bool, 1)
	go func() { over <- w.options.Wait(ctx, d) == nil }()
	return func() bool {
		cancel()
		return <-over
	}
}

// wait returns when a process has ended, with a word about how.
func (w *Witness) wait(l *line) error {
	err := l.process.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = nil
	return errors.Join(errors.New("it ended"), err, l.conn.Close())
}

// connect starts a process, and tells it of what is under way.
func (w *Witness) connect() (*line, error) {
	conn, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	process, err := w.options.Spawn(theirs, w.options.Claims)
	if err = errors.Join(err, theirs.Close()); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start a process: %w", err)
	}
	l := &line{conn: conn, process: process}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = l
	w.started++
	l.try(l.send(packet{Kind: greeting, Note: w.options.Note}, none))
	for number, t := range w.trusts {
		l.try(l.tell(number, t))
	}
	return l, nil
}

// socketpair returns two ends of a socket that keeps the borders of packets. Neither is inherited by chance.
func socketpair() (*net.UnixConn, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "witness"), os.NewFile(uintptr(pair[1]), "milter")
	defer ours.Close() // what is made of it has a descriptor of its own
	conn, err := packetConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}

// packetConn makes a connection of an end of a socketpair.
func packetConn(file *os.File) (*net.UnixConn, error) {
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	packets, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a %T in the place of the milter's socket", conn), conn.Close())
	}
	return packets, nil
}
