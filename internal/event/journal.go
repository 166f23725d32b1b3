package event

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// InJournal reports whether the journal of systemd reads what is written to f: $JOURNAL_STREAM then has the device and inode
// of f (systemd.exec(5)).
func InJournal(f *os.File, journalStream string) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && journalStream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// journal writes lines as the journal takes them: the priority first, as in "<4>" (sd-daemon(3)), and without the time,
// which the journal has.
type journal struct {
	next slog.Handler
	out  *journalOut
}

// journalOut is what a journal and those derived from it write to.
type journalOut struct {
	mu   sync.Mutex
	line bytes.Buffer
	w    io.Writer
}

// newJournal returns a journal whose lines have the format that form gives them.
func newJournal(w io.Writer, form func(io.Writer) slog.Handler) slog.Handler {
	out := &journalOut{w: w}
	return &journal{next: form(&out.line), out: out}
}

// Enabled implements [slog.Handler].
func (j *journal) Enabled(ctx context.Context, level slog.Level) bool {
	return j.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler]. Each line is written at once.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.line.Reset()
	fmt.Fprintf(&j.out.line, "<%d>", priority(r.Level))
	if err := j.next.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.w.Write(j.out.line.Bytes())
	return err
}

// WithAttrs implements [slog.Handler].
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.next.WithAttrs(attrs), j.out}
}

// WithGroup implements [slog.Handler].
func (j *journal) WithGroup(name string) slog.Handler { return &journal{j.next.WithGroup(name), j.out} }

// priority is that of syslog(3).
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	default:
		return 7
	}
}

// withoutTime leaves out the time of a line.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
