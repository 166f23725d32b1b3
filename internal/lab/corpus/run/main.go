// Command run judges a corpus: every message of a folder is sealed and every file of keys imported, and other programs look
// at what comes out. "make corpus CORPUS=DIR" calls it.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/term"

	"sealmilter/internal/lab/corpus"
)

func main() {
	var o options
	flag.BoolVar(&o.json, "json", false, "print one JSON object for each file on standard output")
	flag.BoolVar(&o.verbose, "v", false, "print how many were refused for which reason, and which")
	importer := flag.Bool("import", false, "import the `FILE` of keys into the folder DIR, as the run does with each")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: %s [-json] [-v] DIR\n", os.Args[0])
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *importer && flag.NArg() == 2:
		err = corpus.Import(ctx, flag.Arg(0), flag.Arg(1), time.Now, rand.Reader, os.Stdout)
	case !*importer && flag.NArg() == 1:
		err = run(ctx, flag.Arg(0), o)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		stop()
		os.Exit(1)
	}
}

type options struct{ json, verbose bool }

func run(ctx context.Context, folder string, o options) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	s := &screen{options: o, terminal: term.IsTerminal(int(os.Stderr.Fd())), reasons: make(map[string][]string)}
	err = corpus.Run(ctx, corpus.Config{
		Folder:   folder,
		Importer: []string{program, "-import"},
		Limits:   corpus.DefaultLimits,
		Workers:  runtime.NumCPU(),
		Now:      time.Now,
		Rand:     rand.Reader,
		Report:   s.report,
		Progress: s.progress,
	})
	s.clear()
	if err != nil {
		return err
	}
	return s.sum()
}

// screen shows how far the run is, what failed, and the sum.
type screen struct {
	options
	terminal bool
	counts   [corpus.Refused + 1]int
	copies   int
	usable   int
	reasons  map[string][]string
	err      error // of printing
}

func (s *screen) report(r corpus.Result) {
	s.counts[r.Outcome]++
	s.copies += r.Copies
	s.usable += r.Usable
	if r.Reason != "" {
		s.reasons[r.Reason] = append(s.reasons[r.Reason], r.Name)
	}
	if s.json {
		s.err = cmp.Or(s.err, json.NewEncoder(os.Stdout).Encode(r))
	}
	if r.Outcome == corpus.Failed {
		s.clear()
		for _, fault := range r.Faults {
			fmt.Fprintf(os.Stderr, "%s: %s\n", r.Name, fault)
		}
	}
}

func (s *screen) progress(done, total int) {
	if s.terminal {
		fmt.Fprintf(os.Stderr, "\r%d of %d\x1b[K", done, total)
	}
}

// clear removes the progress.
func (s *screen) clear() {
	if s.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

// errFailed is the end of a run with failures.
var errFailed = errors.New("failures")

func (s *screen) sum() error {
	if s.verbose {
		reasons := make([]string, 0, len(s.reasons))
		for reason := range s.reasons {
			reasons = append(reasons, reason)
		}
		slices.SortFunc(reasons, func(a, b string) int {
			return cmp.Or(len(s.reasons[b])-len(s.reasons[a]), cmp.Compare(a, b))
		})
		for _, reason := range reasons {
			fmt.Fprintf(os.Stderr, "%d %s\n", len(s.reasons[reason]), reason)
			for _, name := range s.reasons[reason] {
				fmt.Fprintf(os.Stderr, "\t%s\n", name)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%d verified, %d refused, %d failed; %d copies of messages opened, %d addresses encrypted to\n",
		s.counts[corpus.Verified], s.counts[corpus.Refused], s.counts[corpus.Failed], s.copies, s.usable)
	if n := s.counts[corpus.Failed]; n > 0 {
		return fmt.Errorf("%w: %d", errFailed, n)
	}
	return s.err
}
