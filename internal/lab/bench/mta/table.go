package mta

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes a line for each summary, and a heading for each load.
func WriteTable(w io.Writer, all []Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var load Load
	for _, s := range all {
		if s.Load != load {
			load = s.Load
			fmt.Fprintf(t, "\n%s\n", load)
			fmt.Fprintf(t, "variant\tmsg/s\tof no-op\tMTA ms\tmilter ms\tCPU: no-op of this\twait ms\t99 %%\tstalled\n")
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f %%\n", s.Variant, s.PerSecond, s.Throughput, s.MTA, s.Milter,
			s.Work, s.Median, s.Last, 100*s.Stalled)
	}
	return t.Flush()
}

// String says what the load is.
func (l Load) String() string {
	text := fmt.Sprintf("%d messages of %d octets to %d recipients each, %d sessions at a time", l.Messages, l.Size, l.Recipients, l.Sessions)
	if l.Reconnect {
		text += ", a session for each message"
	}
	return text
}
