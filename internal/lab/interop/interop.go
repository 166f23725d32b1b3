package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sealmilter/internal/lab"
)

// Config says what to do.
type Config struct {
	// Page is the file with the tables, and Update has them written there instead of compared.
	Page   string
	Update bool
	// Progress gets lines about steps that take long, and, if the page does not have what came out, the details of whatever
	// is not "yes"; nil discards them.
	Progress io.Writer
}

// run is one that goes on.
type run struct {
	progress io.Writer
	dir      string
	programs []program
	tables   []*table
	boxes    []*mailbox
	received map[*mailbox][]*sample
	close    []func() error
	carol    []byte // the certificate of whoever has signed some letters before

	mu      sync.Mutex // of what follows and of progress, while several programs read
	details []string   // of what is not "yes"
}

// Run draws the tables. It returns a [*DifferentError] if the page has others.
func Run(ctx context.Context, config Config) (err error) {
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	r := &run{progress: config.Progress, received: make(map[*mailbox][]*sample)}
	defer func() { err = errors.Join(err, r.end()) }()
	if r.dir, err = os.MkdirTemp("", "sealmilter-interop-"); err != nil {
		return err
	}
	tree, err := lab.Unpack(ctx, r.progress, packages...)
	if err != nil {
		return err
	}
	r.programs = programs(tree)
	text, err := r.versions(ctx)
	if err != nil {
		return err
	}
	if err := r.compose(ctx); err != nil {
		return err
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	for _, t := range r.tables {
		text += "\n" + t.markdown(r.programs)
	}
	err = comparePage(config.Page, text, config.Update)
	if different := new(DifferentError); errors.As(err, &different) {
		for _, detail := range r.details {
			r.tell("%s", detail)
		}
	}
	return err
}

// end closes all that was opened.
func (r *run) end() error {
	var failures []error
	for i := len(r.close) - 1; i >= 0; i-- {
		failures = append(failures, r.close[i]())
	}
	return errors.Join(append(failures, os.RemoveAll(r.dir))...)
}

func (r *run) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.progress, format+"\n", args...)
}

// explain keeps details for whoever wonders about a cell.
func (r *run) explain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.details = append(r.details, fmt.Sprintf(format, args...))
}

// versions says whose word the tables are.
func (r *run) versions(ctx context.Context) (string, error) {
	var all []string
	for _, p := range r.programs {
		version, err := p.version(ctx)
		if err != nil {
			return "", err
		}
		all = append(all, version)
	}
	return "The programs: " + strings.Join(all, "; ") + ".\n", nil
}

// read has every program read every message, some programs at the same time.
func (r *run) read(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.NumCPU()) // they wait more than they compute
	for i, p := range r.programs {
		group.Go(func() error {
			for _, box := range r.boxes {
				if err := p.receive(ctx, box, r.received[box]); err != nil {
					return err
				}
			}
			for _, t := range r.tables {
				r.tell("%s reads: %s", p.name(), t.title)
				for j, row := range t.rows {
					fault := readOnce(ctx, p, row)
					text, err := cell(row.v6, fault)
					if err != nil {
						return fmt.Errorf("%s, %s, %s: %w", p.name(), t.title, row.name, err)
					}
					switch {
					case t.broken && text == yes:
						return fmt.Errorf("%s has nothing to say about a message with a fault: %s", p.name(), row.name)
					case text != yes && !row.v6 && !t.broken:
						r.explain("%s, %s, %s: %.3000v", p.name(), t.title, row.name, fault)
					}
					t.cells[j][i] = text
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// readOnce has a program read a message. One that waits for somebody who is not there is given up.
func readOnce(ctx context.Context, p program, of row) error {
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.read(ctx, of.box, of.sample)
}
