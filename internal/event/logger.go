package event

import (
	"io"
	"log/slog"
	"strings"
)

// Options says how a logger writes.
type Options struct {
	// JSON writes one object in each line, instead of text.
	JSON bool
	// Level is the lowest that is written.
	Level slog.Level
	// Journal writes for systemd's journal.
	Journal bool
	// Hide is nil for addresses as they are.
	Hide *Hider
	// Watch is told of every event from level info on, even if it is not written; nil for nobody. It is called from several
	// goroutines and does not block.
	Watch func(Line)
}

// NewLogger returns a logger that writes to w.
func NewLogger(w io.Writer, o Options) *slog.Logger {
	form := func(w io.Writer) slog.Handler {
		options := &slog.HandlerOptions{Level: o.Level}
		if o.Journal {
			options.ReplaceAttr = withoutTime
		}
		if o.JSON {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	var h slog.Handler
	if o.Journal {
		h = newJournal(w, form)
	} else {
		h = form(w)
	}
	if o.Watch != nil {
		h = &watch{next: h, see: o.Watch}
	}
	return slog.New(&namer{next: h, hide: o.Hide})
}

// Lines returns a writer each of whose lines is logged as the error of an event, for libraries that write lines.
func Lines(log *slog.Logger, k Kind) io.Writer { return &lines{log, k} }

type lines struct {
	log  *slog.Logger
	kind Kind
}

// Write implements [io.Writer]. Libraries write whole lines.
func (l *lines) Write(p []byte) (int, error) {
	l.kind.Log(l.log, slog.String(errText, strings.TrimSpace(string(p))))
	return len(p), nil
}

// With returns a logger whose lines all have the attributes, but for empty ones.
func With(log *slog.Logger, attrs ...slog.Attr) *slog.Logger {
	var all []any
	for _, a := range attrs {
		if !empty(a.Value) {
			all = append(all, a)
		}
	}
	return log.With(all...)
}
