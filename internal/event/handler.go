package event

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// namer gives a name to lines without one, and hides what is to be hidden. All lines of a logger go through it, also those
// that are no events of this package.
type namer struct {
	next slog.Handler
	hide *Hider // nil to hide nothing
	// known are the people in the attributes that all lines have.
	known []string
	named bool
}

// Enabled implements [slog.Handler].
func (n *namer) Enabled(ctx context.Context, level slog.Level) bool {
	return n.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (n *namer) Handle(ctx context.Context, r slog.Record) error {
	named, ours := n.named, false
	known := slices.Clone(n.known)
	r.Attrs(func(a slog.Attr) bool {
		named, ours = named || a.Key == NameKey, ours || isKind(a)
		known = append(known, people(a.Value)...)
		return true
	})
	message := r.Message
	if n.hide != nil && !ours { // the sentence of a kind is always the same
		message = n.hide.Text(message, known...)
	}
	out := slog.NewRecord(r.Time, r.Level, message, r.PC)
	if !named {
		out.AddAttrs(slog.String(NameKey, Other.name))
	}
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(n.attr(a, known))
		return true
	})
	return n.next.Handle(ctx, out)
}

// WithAttrs implements [slog.Handler].
func (n *namer) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *n
	with.known = slices.Clone(n.known)
	for _, a := range attrs {
		with.named = with.named || a.Key == NameKey
		with.known = append(with.known, people(a.Value)...)
	}
	hidden := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		hidden[i] = n.attr(a, with.known)
	}
	with.next = n.next.WithAttrs(hidden)
	return &with
}

// WithGroup implements [slog.Handler].
func (n *namer) WithGroup(name string) slog.Handler {
	with := *n
	with.next = n.next.WithGroup(name)
	return &with
}

// isKind reports whether an attribute has the name of a kind.
func isKind(a slog.Attr) bool {
	_, is := a.Value.Any().(kindName)
	return is
}

// people returns who is named in a value.
func people(v slog.Value) []string {
	switch p := v.Any().(type) {
	case Person:
		return []string{string(p)}
	case People:
		return p
	default:
		return nil
	}
}

// attr returns an attribute as it is written. What may hold a text is taken for one.
func (n *namer) attr(a slog.Attr, known []string) slog.Attr {
	if n.hide == nil {
		return a
	}
	switch v := a.Value.Any().(type) {
	case Person:
		return slog.String(a.Key, n.hide.Person(string(v)))
	case People:
		tokens := make(People, len(v))
		for i, p := range v {
			tokens[i] = n.hide.Person(p)
		}
		return slog.Any(a.Key, tokens)
	case Fingerprint:
		return slog.String(a.Key, n.hide.Fingerprint(string(v)))
	case frames, queueName, kindName, word:
		return a
	case Identifier:
		return slog.String(a.Key, n.hide.Identifier(string(v)))
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		return a
	case slog.KindGroup:
		var inner []slog.Attr
		for _, member := range v.Group() {
			inner = append(inner, n.attr(member, known))
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(inner...)}
	case slog.KindString:
		return slog.String(a.Key, n.hide.Text(v.String(), known...))
	default:
		return slog.String(a.Key, n.hide.Text(fmt.Sprint(v.Any()), known...))
	}
}
