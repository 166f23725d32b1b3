package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"sealmilter/internal/lab"
)

// Config says what to measure. Now and Helper must be set.
type Config struct {
	// Only leaves out the cases whose names it does not match; nil leaves out none. The name of a case is its table and its
	// parameters, such as "copies/Ed25519/10KB/x20".
	Only *regexp.Regexp
	// Quick takes seconds: everything is done, but with small messages, few recipients and once only. What comes out shows
	// that it can be done, and nothing else.
	Quick bool
	// Helper is the command of a process that calls [Help].
	Helper []string
	Now    func() time.Time
	// Progress is told the names of cases before they begin; nil for nobody.
	Progress func(name string)
	// Fetching gets lines about packages that are fetched; nil discards them.
	Fetching io.Writer
}

// run is one that goes on.
type run struct {
	Config
	extent extent
	dir    string
	tree   lab.Tree
	result *Result
	people map[string]*people // by kind
	close  []func() error
}

// Run measures everything. Nothing else should go on in this process. With an error, the result is what was measured before.
func Run(ctx context.Context, config Config) (_ *Result, err error) {
	r := &run{Config: config, extent: whole(), people: make(map[string]*people)}
	if r.Quick {
		r.extent = quick()
	}
	if r.Progress == nil {
		r.Progress = func(string) {}
	}
	r.result = &Result{Date: r.Now().UTC(), Machine: thisMachine(), Versions: make(map[string]string)}
	defer func() { err = errors.Join(err, r.end()) }()
	if r.dir, err = os.MkdirTemp("", "sealmilter-bench-"); err != nil {
		return nil, err
	}
	if r.tree, err = lab.Unpack(ctx, r.Fetching, "sq", "rnp"); err != nil {
		return r.result, err
	}
	for _, part := range []func(context.Context) error{r.copies, r.lookups, r.recipients, r.messages, r.sessions, r.deliveries} {
		if err := part(ctx); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}

// end closes all that was opened.
func (r *run) end() error {
	var failures []error
	for _, f := range slices.Backward(r.close) {
		failures = append(failures, f())
	}
	return errors.Join(append(failures, os.RemoveAll(r.dir))...)
}

// wanted reports whether any of the cases was asked for.
func (r *run) wanted(cases ...Case) bool {
	return r.Only == nil || slices.ContainsFunc(cases, func(c Case) bool { return r.Only.MatchString(c.String()) })
}

// bout has entries take turns, and adds their rows.
func (r *run) bout(ctx context.Context, b bout) ([]*Row, error) {
	r.Progress(b.entries[len(b.entries)-1].Case.String())
	p := r.extent.pace
	if b.entries[0].Octets >= largeMessages {
		p.rounds = min(p.rounds, 3)
	}
	rows, err := b.run(ctx, p)
	if err != nil {
		return nil, err
	}
	first := len(r.result.Rows)
	r.result.Rows = append(r.result.Rows, rows...)
	var added []*Row
	for i := range rows {
		added = append(added, &r.result.Rows[first+i])
	}
	return added, nil
}

// known returns people with keys of a kind, who are made when they are first asked for.
func (r *run) known(k kind) (*people, error) {
	if p := r.people[k.name]; p != nil {
		return p, nil
	}
	r.Progress("making keys: " + k.name)
	dir := filepath.Join(r.dir, k.name)
	if err := newPeople(dir, k, r.Now()); err != nil {
		return nil, fmt.Errorf("make keys of the kind %s: %w", k.name, err)
	}
	p, err := readPeople(dir, k.name)
	r.people[k.name] = p
	return p, err
}
