package event

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Line is an event as it is written: what is to be hidden is hidden in it.
type Line struct {
	Time time.Time
	// Event is the name of its kind.
	Event string
	// Attrs has the attributes as text, but the name.
	Attrs map[string]string
}

// Recent remembers what became of the last copies. It is safe for concurrent use, and is bounded.
type Recent struct {
	mu     sync.Mutex
	copies ring
}

// NewRecent returns one that remembers so many copies.
func NewRecent(copies int) *Recent { return &Recent{copies: ring{most: copies}} }

// Add remembers a line that tells of a copy. It is a Watch of [Options].
func (r *Recent) Add(l Line) {
	if !strings.HasPrefix(l.Event, copyPrefix) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copies.add(l)
}

// Copies returns what became of the last copies, the newest first.
func (r *Recent) Copies() []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copies.newestFirst()
}

// ring has the last lines, from next on when it is full.
type ring struct {
	most, next int
	lines      []Line
}

func (r *ring) add(l Line) {
	switch {
	case r.most == 0:
	case len(r.lines) < r.most:
		r.lines = append(r.lines, l)
	default:
		r.lines[r.next] = l
		r.next = (r.next + 1) % r.most
	}
}

func (r *ring) newestFirst() []Line {
	all := slices.Concat(r.lines[r.next:], r.lines[:r.next])
	slices.Reverse(all)
	return all
}

// watch tells of every line before it is written.
type watch struct {
	next  slog.Handler
	see   func(Line)
	attrs []slog.Attr
}

// Enabled implements [slog.Handler].
func (w *watch) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || w.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (w *watch) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		l := Line{Time: r.Time, Attrs: make(map[string]string, r.NumAttrs()+len(w.attrs))}
		take := func(a slog.Attr) bool {
			if a.Key == NameKey {
				l.Event = a.Value.Resolve().String()
			} else {
				l.Attrs[a.Key] = a.Value.Resolve().String()
			}
			return true
		}
		for _, a := range w.attrs {
			take(a)
		}
		r.Attrs(take)
		w.see(l)
	}
	if !w.next.Enabled(ctx, r.Level) {
		return nil
	}
	return w.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (w *watch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &watch{w.next.WithAttrs(attrs), w.see, slices.Concat(w.attrs, attrs)}
}

// WithGroup implements [slog.Handler]. The names of groups are left out in a [Line].
func (w *watch) WithGroup(name string) slog.Handler {
	return &watch{w.next.WithGroup(name), w.see, w.attrs}
}
