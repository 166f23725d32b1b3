// Command run measures what sealing costs, side by side with what others take. "make bench" calls it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"syscall"
	"time"

	"golang.org/x/term"

	"sealmilter/internal/lab/bench"
)

func main() {
	only := flag.String("only", "", "measure only the cases whose names match the `REGEXP`, such as copies/RSA or x100$")
	quick := flag.Bool("quick", false, "do everything, but small and once only: the numbers mean nothing")
	page := flag.String("update", "", "write the tables into the `PAGE`, and the plots and bench.json into the folder beside it")
	from := flag.String("from", "", "take the numbers from a bench.json in the place of measuring")
	profile := flag.String("profile", "", "write a processor profile to the `FILE`, in which case and series are a label")
	asJSON := flag.Bool("json", false, "print one JSON object in the place of tables")
	helper := flag.Bool("helper", false, "be the process that measures memory")
	flag.Parse()
	if flag.NArg() > 0 || *page != "" && *only != "" {
		fmt.Fprintln(os.Stderr, "bench: there are no arguments, and -update takes all cases, not -only some")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if *helper {
		err = bench.Help(ctx, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, options{*only, *quick, *from, *profile, *page, *asJSON})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	only          string
	quick         bool
	from, profile string
	page          string
	json          bool
}

func run(ctx context.Context, o options) error {
	result, failed := o.result(ctx)
	if result == nil {
		return failed
	}
	if o.page != "" && failed == nil {
		if err := bench.UpdatePage(ctx, os.Stderr, o.page, result); err != nil {
			return err
		}
	}
	if o.json {
		return errors.Join(failed, json.NewEncoder(os.Stdout).Encode(result))
	}
	return errors.Join(failed, result.WriteText(os.Stdout))
}

// result is measured, or read from a file.
func (o options) result(ctx context.Context) (_ *bench.Result, err error) {
	if o.from != "" {
		text, err := os.ReadFile(o.from)
		if err != nil {
			return nil, err
		}
		result := new(bench.Result)
		if err := json.Unmarshal(text, result); err != nil {
			return nil, fmt.Errorf("%s: %w", o.from, err)
		}
		return result, nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	tell, clear := progress()
	defer clear()
	config := bench.Config{Quick: o.quick, Helper: []string{program, "-helper"}, Now: time.Now, Progress: tell, Fetching: os.Stderr}
	if o.only != "" {
		if config.Only, err = regexp.Compile(o.only); err != nil {
			return nil, err
		}
	}
	if o.profile != "" {
		file, err := os.Create(o.profile)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	return bench.Run(ctx, config)
}

// progress tells on standard error what is being done: on a terminal in one line, which clear removes.
func progress() (tell func(string), clear func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(name string) { fmt.Fprintln(os.Stderr, name) }, func() {}
	}
	return func(name string) { fmt.Fprintf(os.Stderr, "\r%s\x1b[K", name) }, func() { fmt.Fprint(os.Stderr, "\r\x1b[K") }
}
