package event

import (
	"context"
	"log/slog"
	"slices"
)

// NameKey is the attribute that has the name of the kind.
const NameKey = "event"

// kindName is the name of a kind. No address is in it, whatever the recipients are called.
type kindName string

// LogValue implements [slog.LogValuer].
func (n kindName) LogValue() slog.Value { return slog.StringValue(string(n)) }

// Kind is a kind of event. Its values are the variables of this package, and never change.
type Kind struct {
	name  string
	level slog.Level
	// text is the same in each event of the kind.
	text string
	// attrs has the names of all attributes that an event may have. Those that are empty are left out.
	attrs []string
	// do is what an administrator does about it, "" for nothing.
	do string
}

// Name is what scripts rely on, such as "copy.encrypted".
func (k Kind) Name() string { return k.name }

// Level is that of all events of the kind.
func (k Kind) Level() slog.Level { return k.level }

// Text is the sentence for people.
func (k Kind) Text() string { return k.text }

// Attrs returns the names of the attributes that an event of the kind may have, in their order.
func (k Kind) Attrs() []string { return slices.Clone(k.attrs) }

// Do is what an administrator does about such an event, "" for nothing.
func (k Kind) Do() string { return k.do }

// Log logs an event. Attributes that the kind does not have are left out, so that nothing is logged of which the list of
// events does not tell; so are empty ones.
func (k Kind) Log(log *slog.Logger, attrs ...slog.Attr) {
	ctx := context.Background()
	if !log.Enabled(ctx, k.level) {
		return
	}
	all := make([]slog.Attr, 1, len(attrs)+1)
	all[0] = slog.Any(NameKey, kindName(k.name))
	for _, a := range attrs {
		if slices.Contains(k.attrs, a.Key) && !empty(a.Value) {
			all = append(all, a)
		}
	}
	log.LogAttrs(ctx, k.level, k.text, all...)
}

func empty(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		return v.String() == ""
	case slog.KindTime:
		return v.Time().IsZero()
	case slog.KindAny:
		return v.Any() == nil
	case slog.KindLogValuer:
		return empty(v.Resolve())
	default:
		return false
	}
}
