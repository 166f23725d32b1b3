package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// tally is an Observer that notes what it is told.
type tally struct {
	mu  sync.Mutex
	all []string
}

func (t *tally) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, fmt.Sprintf(format, args...))
}

func (t *tally) LookedUp(found keys.Status, _ time.Duration) { t.note("lookup %s", found) }
func (t *tally) Decided(do gate.Action, row string)          { t.note("%s %s", do, row) }
func (t *tally) Sealed(_ time.Duration, err error)           { t.note("sealed %t", err == nil) }
func (t *tally) Unsigned()                                   { t.note("unsigned") }

// TestObserver has the decisions about messages counted, and nothing of whom they are about.
func TestObserver(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*world)
		to      []string
		want    []string
	}{
		"one with a key and one without": {nil, []string{"bob@example.net", "erin@example.com"},
			[]string{"encrypt key-found", "lookup found", "lookup none", "sealed true", "sign no-key"}},
		"nobody knows": {func(w *world) { w.answers["bob@example.net"] = keys.Answer{SeenBefore: true} }, []string{"bob@example.net"},
			[]string{"defer lookup-failed", "lookup unknown"}},
		"the author's key is unusable": {func(w *world) { w.signErr = errors.New("locked") }, []string{"bob@example.net"},
			[]string{"defer author-key-unusable", "lookup found", "unsigned"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, seen := newWorld(t), &tally{}
			w.Observer = seen
			if tc.prepare != nil {
				tc.prepare(w)
			}
			w.submit(t, message(t, "alice@example.org"), nil, tc.to...)
			slices.Sort(seen.all)
			if !slices.Equal(seen.all, tc.want) {
				t.Errorf("observed %q, want %q", seen.all, tc.want)
			}
		})
	}
}

// TestMessageGivenUp has the mail server go while the author's key is read, as it does when it is restarted. Then nothing is
// the matter with the key.
func TestMessageGivenUp(t *testing.T) {
	w, seen := newWorld(t), &tally{}
	w.Observer = seen
	w.signErr = fmt.Errorf("query database: %w", context.Canceled)
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	m := message(t, "alice@example.org")
	m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, "bob@example.net"), Raw: "<bob@example.net>"}}
	if _, err := w.Plan(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("the plan is made: %v", err)
	}
	if slices.Contains(seen.all, "unsigned") || strings.Contains(w.log.String(), "sign.key-unusable") {
		t.Errorf("observed %q, and logged\n%s", seen.all, w.log.String())
	}
}

// TestRows makes sure that each row of the policy's table has a word of its own.
func TestRows(t *testing.T) {
	rows := gate.Rows()
	slices.Sort(rows)
	if len(slices.Compact(slices.Clone(rows))) != len(rows) || len(rows) < 15 || strings.Contains(strings.Join(rows, ""), " ") {
		t.Errorf("the rows are %q", rows)
	}
}
