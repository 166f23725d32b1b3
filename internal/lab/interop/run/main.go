// Command run has real mail programs read what sealmilter composes, and compares the tables of what they could with those
// in docs/interop.md. "make interop" calls it; "make interop UPDATE=1" writes the tables there.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sealmilter/internal/lab/interop"
)

func main() {
	page := flag.String("page", "docs/interop.md", "the page with the tables")
	update := flag.Bool("update", false, "write the tables into the page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := interop.Run(ctx, interop.Config{Page: *page, Update: *update, Progress: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		stop()
		os.Exit(1)
	}
}
