// Command run measures what sealmilter costs a Postfix, and prints a table. Run it as root:
//
//	go run ./internal/lab/bench/mta/run -messages 1000 -sessions 8
//
// Lists such as "-recipients 1,20,100" are measured one after the other, each with all of the others.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"sealmilter/internal/lab/bench/mta"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c := mta.Config{Progress: os.Stderr}
	messages := flag.Int("messages", 400, "how many messages are sent in a round")
	recipients := flag.String("recipients", "1", "how many each message has")
	sizes := flag.String("sizes", "10240", "octets of text in each message")
	sessions := flag.String("sessions", "8", "how many clients send at a time")
	reconnect := flag.Bool("reconnect", false, "send each message in a session of its own")
	variants := flag.String("variants", "", "which to compare (default: all)")
	flag.IntVar(&c.Rounds, "rounds", 5, "how often each variant has its turn")
	flag.StringVar(&c.Program, "program", "", "the sealmilter to measure, built anew if it is not given")
	flag.StringVar(&c.Profiles, "profiles", "", "an existing folder for processor profiles of sealmilter")
	flag.Parse()
	for name := range strings.SplitSeq(*variants, ",") {
		if name != "" {
			c.Variants = append(c.Variants, mta.Variant(name))
		}
	}
	for _, size := range numbers(*sizes) {
		for _, n := range numbers(*recipients) {
			for _, s := range numbers(*sessions) {
				c.Loads = append(c.Loads, mta.Load{Messages: *messages, Recipients: n, Size: size, Sessions: s, Reconnect: *reconnect})
			}
		}
	}
	all, err := mta.Run(ctx, c)
	if err != nil {
		return err
	}
	return mta.WriteTable(os.Stdout, mta.Summarize(all))
}

// numbers reads a list. What is none becomes 0, which is no load.
func numbers(list string) (all []int) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			n = 0
		}
		all = append(all, n)
	}
	return all
}
