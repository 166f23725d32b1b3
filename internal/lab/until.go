package lab

import (
	"context"
	"errors"
	"strings"
	"time"
)

// poll is how long the lab waits between two looks at what nobody tells it: another process's listener, log or
// queue.
const poll = 20 * time.Millisecond

// errEnded is the reason when a program ends while somebody waits for a sign of it.
var errEnded = errors.New("the program has ended")

// until waits for a condition. It gives up when the condition fails, when ended is closed and the condition is still
// not met, or with ctx.
func until(ctx context.Context, ended <-chan struct{}, condition func() (bool, error)) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for last := false; ; {
		if met, err := condition(); met || err != nil {
			return err
		}
		if last {
			return errEnded
		}
		select {
		case <-ticker.C:
		case <-ended:
			last = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// quoteLog returns the end of a log as an appendix to an error, "" if the log is empty.
func quoteLog(log string) string {
	const most = 4000
	log = strings.TrimSpace(log)
	if log == "" {
		return ""
	}
	if len(log) > most {
		log = "..." + log[len(log)-most:]
	}
	return "\n" + log
}
