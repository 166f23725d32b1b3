package store

import (
	"context"
	"sync"
)

// flushes makes what has been written last, once for all who ask at the same time: whoever asks while a flush runs, which
// may have begun too early for them, shares the next one. It is safe for concurrent use.
type flushes struct {
	// sync does the work. It is called by one goroutine at a time.
	sync func() error

	mu sync.Mutex
	// running says that a goroutine works, and next is what it does after the flush that runs, nil for nothing.
	running bool
	next    *flush
}

// flush is one call of sync and those who wait for it.
type flush struct {
	done chan struct{}
	err  error // valid when done is closed
}

// wait returns when everything written before the call is flushed, or when ctx ends.
func (f *flushes) wait(ctx context.Context) error {
	f.mu.Lock()
	if f.next == nil {
		f.next = &flush{done: make(chan struct{})}
	}
	mine := f.next
	if !f.running {
		f.running = true
		go f.run()
	}
	f.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run flushes as long as somebody waits.
func (f *flushes) run() {
	for {
		f.mu.Lock()
		now := f.next
		f.next, f.running = nil, now != nil
		f.mu.Unlock()
		if now == nil {
			return
		}
		now.err = f.sync()
		close(now.done)
	}
}
