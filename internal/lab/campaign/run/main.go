// Command run leads a campaign: it sends mail through a real Postfix with sealmilter, kills both again and again, and
// says whether every promise was kept. "make campaign KILLS=1000 SEED=1" calls it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/campaign"
)

func main() {
	kills := flag.Int("kills", 100, "how many times the milter, its witness or both are killed")
	seed := flag.Uint64("seed", 1, "what all chance comes from")
	program := flag.String("program", "", "the sealmilter to try, built anew if it is not given")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *kills, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		stop()
		os.Exit(1)
	}
}

// errBroken is the end of a campaign in which a promise broke.
var errBroken = errors.New("a promise broke")

func run(ctx context.Context, program string, kills int, seed uint64) error {
	if program == "" {
		dir, err := os.MkdirTemp("", "sealmilter-campaign-program-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if program, err = lab.Build(ctx, dir, "sealmilter/cmd/sealmilter"); err != nil {
			return err
		}
	}
	shown := &screen{terminal: isTerminal(os.Stderr), began: time.Now(), kills: kills}
	verdict, evidence, err := campaign.Run(ctx, campaign.Config{Program: program, Kills: kills, Seed: seed,
		Progress: os.Stderr, Watch: shown.show})
	shown.end()
	if evidence != "" {
		fmt.Fprintf(os.Stderr, "To study it: %s. The same course once more: make campaign KILLS=%d SEED=%d\n", evidence, kills, seed)
	}
	if err != nil {
		return err
	}
	const most = 20
	broken := slices.DeleteFunc(verdict.Findings, func(f campaign.Finding) bool { return f.Kind == "inside" })
	for i, f := range broken {
		if i == most {
			fmt.Fprintf(os.Stderr, "and %d more\n", len(broken)-most)
			break
		}
		fmt.Fprintln(os.Stderr, f)
	}
	fmt.Fprintf(os.Stderr, "duplicates inside the in-flight window: 0 by %d kills of the milter or its witness alone, %d by %d of both together, %d by %d of "+
		"Postfix's processes; %d of them are of messages without a Message-ID\n", verdict.Kills-verdict.KillsBoth, verdict.Inside, verdict.KillsBoth,
		verdict.InsidePostfix, verdict.KillsPostfix, verdict.InsideNameless)
	fmt.Println(verdict)
	if !verdict.Kept() {
		return errBroken
	}
	return nil
}

// screen shows how far the campaign is: on a terminal in one line that is written again, elsewhere in a line now and then.
type screen struct {
	terminal bool
	began    time.Time
	kills    int
	last     time.Time
	phase    string
}

// show is called by one goroutine at a time.
func (s *screen) show(now campaign.Status) {
	const seldom = 30 * time.Second
	line := fmt.Sprintf("%s: %d of %d kills, %d of %d messages done, %d copies arrived, %v", now.Phase, now.Kills, s.kills, now.Done,
		now.Messages, now.Arrived, time.Since(s.began).Round(time.Second))
	switch {
	case s.terminal:
		if now.Fault != "" {
			line += ", " + now.Fault
		}
		fmt.Fprintf(os.Stderr, "\r%.150s\x1b[K", line)
	case now.Phase != s.phase || time.Since(s.last) > seldom:
		s.phase, s.last = now.Phase, time.Now()
		fmt.Fprintln(os.Stderr, line)
	}
}

func (s *screen) end() {
	if s.terminal {
		fmt.Fprintln(os.Stderr)
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
