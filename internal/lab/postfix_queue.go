package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// QueueEntry is one message in the queue, as postqueue(1) -j prints it.
type QueueEntry struct {
	Queue      string           `json:"queue_name"` // such as "deferred" or "hold"
	ID         string           `json:"queue_id"`
	Size       int64            `json:"message_size"`
	Sender     string           `json:"sender"`
	Recipients []QueueRecipient `json:"recipients"`
}

// QueueRecipient is a recipient who has not been served.
type QueueRecipient struct {
	Address string `json:"address"`
	Reason  string `json:"delay_reason"` // "" while no delivery has failed
}

// Queue lists the messages in the queue. Those that postdrop(1) has left for pickup(8) carry the queue name
// "maildrop".
func (p *Postfix) Queue(ctx context.Context) ([]QueueEntry, error) {
	out, err := p.Command(ctx, "postqueue", "-j").Output()
	if err != nil {
		return nil, fmt.Errorf("list the queue: %w", err)
	}
	var entries []QueueEntry
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var entry QueueEntry
		err := decoder.Decode(&entry)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the listing of the queue: %w", err)
		}
		entries = append(entries, entry)
	}
}

// Flush makes Postfix try every deferred message again.
func (p *Postfix) Flush(ctx context.Context) error {
	if out, err := p.Command(ctx, "postqueue", "-f").CombinedOutput(); err != nil {
		return fmt.Errorf("flush the queue: %w%s", err, quoteLog(string(out)))
	}
	return nil
}

// WaitEmpty waits until every message has left the queue: delivered, or returned to its sender and that delivered.
// The error of an early end of ctx lists what is left.
func (p *Postfix) WaitEmpty(ctx context.Context) error {
	var left []string
	err := until(ctx, p.master.done, func() (bool, error) {
		left = nil
		err := p.eachQueueFile(func(name string) error {
			left = append(left, name)
			return nil
		})
		return len(left) == 0, err
	})
	if err != nil {
		return fmt.Errorf("wait for an empty queue (left: %s): %w%s", strings.Join(left, " "), err, quoteLog(p.Log()))
	}
	return nil
}

// WaitDeferred waits until Postfix has tried to serve so many recipients, in vain, and has put their messages aside.
func (p *Postfix) WaitDeferred(ctx context.Context, recipients int) error {
	err := until(ctx, p.master.done, func() (bool, error) {
		entries, err := p.Queue(ctx)
		deferred := 0
		for _, e := range entries {
			for _, to := range e.Recipients {
				if e.Queue == "deferred" && to.Reason != "" {
					deferred++
				}
			}
		}
		return deferred == recipients, err
	})
	if err != nil {
		return fmt.Errorf("wait for %d deferred recipients: %w%s", recipients, err, quoteLog(p.Log()))
	}
	return nil
}

// GrepQueue returns the names of the queue files, such as "deferred/9/9F2C41", whose raw bytes hold text. It sees
// what postcat(1) does not show: bytes that are no part of the message any more.
func (p *Postfix) GrepQueue(text string) ([]string, error) {
	var found []string
	err := p.eachQueueFile(func(name string) error {
		raw, err := os.ReadFile(p.path("queue/" + name))
		if bytes.Contains(raw, []byte(text)) && !slices.Contains(found, name) {
			found = append(found, name)
		}
		return err
	})
	return found, err
}

// eachQueueFile names every file that holds a message. A file that moves during the walk may be met twice, under two
// names, and may be gone when it is looked at: that error of see is none.
func (p *Postfix) eachQueueFile(see func(name string) error) error {
	queue := p.path("queue")
	// In the order in which a message moves. The second round meets what moved back meanwhile: a deferred message
	// that is tried again, or a bounce that took the place of its cause.
	for _, folder := range strings.Fields("maildrop incoming hold active deferred corrupt incoming active deferred") {
		err := filepath.WalkDir(filepath.Join(queue, folder), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(queue, path)
			if err != nil {
				return err
			}
			if err := see(name); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("search the queue: %w", err)
		}
	}
	return nil
}
