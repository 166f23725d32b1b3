package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RunQueues makes the command, and then the daemon, try every message again that waits in its queue, and waits for that.
func (s *Sendmail) RunQueues(ctx context.Context) error {
	for _, cf := range []string{"submit.cf", "sendmail.cf"} {
		if out, err := s.Command(ctx, cf, "-q").CombinedOutput(); err != nil {
			return fmt.Errorf("run the queue of %s: %w%s", cf, err, quoteLog(string(out)))
		}
	}
	return nil
}

// Queue returns the names of the messages that wait, such as "mqueue/4AQ0Q1xN000123", or "clientmqueue/..." for those
// that the command has not got rid of.
func (s *Sendmail) Queue() ([]string, error) {
	var waiting []string
	err := s.eachQueueFile(func(name string) error {
		// The control file comes last and goes last. Those with other first letters are being written.
		if folder, file := filepath.Split(name); strings.HasPrefix(file, "qf") {
			waiting = append(waiting, folder+file[len("qf"):])
		}
		return nil
	})
	return waiting, err
}

// WaitEmpty waits until every message has left the queues: delivered, or returned to its sender and that delivered. What
// stays is tried again now and then. The error of an early end of ctx lists what is left.
func (s *Sendmail) WaitEmpty(ctx context.Context) error {
	const patience = 25 // looks at the queues between two runs
	var left []string
	looks := 0
	err := until(ctx, s.daemon.done, func() (empty bool, err error) {
		if left, err = s.Queue(); err != nil || len(left) == 0 {
			return err == nil, err
		}
		if looks++; looks%patience == 0 {
			err = s.RunQueues(ctx)
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("wait for empty queues (left: %s): %w%s", strings.Join(left, " "), err, quoteLog(s.Log()))
	}
	return nil
}

// GrepQueue returns the names of the files in both queues, such as "mqueue/df4AQ0Q1xN000123", whose raw bytes hold text.
func (s *Sendmail) GrepQueue(text string) ([]string, error) {
	var found []string
	err := s.eachQueueFile(func(name string) error {
		raw, err := os.ReadFile(s.path(name))
		if bytes.Contains(raw, []byte(text)) {
			found = append(found, name)
		}
		return err
	})
	return found, err
}

// eachQueueFile names every file in the queues, the command's first, as messages move. One may be gone when it is looked
// at: that error of see is none.
func (s *Sendmail) eachQueueFile(see func(name string) error) error {
	for _, folder := range []string{"clientmqueue", "mqueue"} {
		files, err := os.ReadDir(s.path(folder))
		if err != nil {
			return fmt.Errorf("search the queue: %w", err)
		}
		for _, file := range files {
			if err := see(folder + "/" + file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("search the queue: %w", err)
			}
		}
	}
	return nil
}
