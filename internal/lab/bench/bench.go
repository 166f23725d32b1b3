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
	"sealmilter/internal/lab/bench/mta"
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

// The tables.
const (
	copies         = "copies"
	growRecipients = "recipients"
	growMessage    = "message"
	growSessions   = "sessions"
	lookup         = "lookup"
	kb, mb         = 1 << 10, 1 << 20
	commonSize     = 10 * kb
	commonKeys     = "Ed25519"
	commonTurn     = 60 * time.Millisecond
	commonRounds   = 5
	largeRounds    = 3
)

// extent is how much of everything there is.
type extent struct {
	kinds        []kind
	octets       []int
	recipients   []int
	manyCopies   []int // how the number of recipients grows
	sizes        []int // how the message grows
	certificates []int
	sessions     []int
	traffic      []traffic
	pace         pace
}

var (
	whole = extent{
		kinds:        []kind{ed25519, rsa4096},
		octets:       []int{10 * kb, 1 * mb, 25 * mb},
		recipients:   []int{1, 20, 100},
		manyCopies:   []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		sizes:        []int{1 * kb, 3 * kb, 10 * kb, 30 * kb, 100 * kb, 300 * kb, 1 * mb, 3 * mb, 10 * mb, 25 * mb, 50 * mb},
		certificates: []int{10, 100, 1_000, 10_000, 100_000},
		sessions:     []int{1, 2, 5, 10, 20, 50, 100, 200},
		traffic: []traffic{
			{throughPostfix, mta.Variants(), []mta.Load{
				{Messages: 400, Recipients: 1, Size: commonSize, Sessions: 8},
				{Messages: 100, Recipients: 1, Size: commonSize, Sessions: 1},
				{Messages: 40, Recipients: 20, Size: commonSize, Sessions: 8},
				{Messages: 10, Recipients: 100, Size: commonSize, Sessions: 4},
				{Messages: 60, Recipients: 1, Size: 1 * mb, Sessions: 8},
				{Messages: 8, Recipients: 20, Size: 1 * mb, Sessions: 4},
			}},
			{growClients, []mta.Variant{mta.None, mta.NoopUnix, mta.SealUnix}, clients(200, 1, 2, 5, 10, 20, 50, 100, 200)},
		},
		pace: pace{commonRounds, commonTurn},
	}
	quick = extent{
		kinds:        []kind{{ed25519.name, ed25519.algorithm, 2}},
		octets:       []int{10 * kb},
		recipients:   []int{1, 2},
		manyCopies:   []int{1, 3},
		sizes:        []int{1 * kb, 3 * kb},
		certificates: []int{10, 30},
		sessions:     []int{1, 2},
		traffic:      []traffic{{growClients, []mta.Variant{mta.NoopUnix, mta.SealUnix}, clients(2, 1, 2)}},
		pace:         pace{rounds: 1},
	}
)

// clients are loads of small messages to one recipient: at least so many messages, and two for each client.
func clients(messages int, numbers ...int) []mta.Load {
	var all []mta.Load
	for _, n := range numbers {
		all = append(all, mta.Load{Messages: max(messages, 2*n), Recipients: 1, Size: commonSize, Sessions: n})
	}
	return all
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

// Run measures everything. Nothing else should go on in this process.
func Run(ctx context.Context, config Config) (_ *Result, err error) {
	r := &run{Config: config, extent: whole, people: make(map[string]*people)}
	if r.Quick {
		r.extent = quick
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
		return nil, err
	}
	for _, part := range []func(context.Context) error{r.copies, r.lookups, r.recipients, r.messages, r.sessions, r.deliveries} {
		if err := part(ctx); err != nil {
			return nil, err
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
		p.rounds = min(p.rounds, largeRounds)
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
