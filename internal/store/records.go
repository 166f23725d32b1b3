package store

import (
	"context"
	"errors"
	"sync"
)

// record is that a copy of a message was sent, and for how long that counts, in Unix seconds.
type record struct {
	message, copy string
	expires       int64
}

// records writes down what was sent, in one transaction for all who ask at the same time: who asks while one runs shares the
// next. The zero value is ready. It is safe for concurrent use.
type records struct {
	mu sync.Mutex
	// last is the latest transaction, nil before the first, and open the same as long as others may join it.
	last, open *transaction
}

// transaction is some records that are made together.
type transaction struct {
	records []record
	done    chan struct{}
	err     error // valid when done is closed
}

// errUnwritten is the end of a transaction that a panic has ended.
var errUnwritten = errors.New("the records were not written")

// add returns when write has written all of some records, or nothing of them. The end of ctx keeps none from being
// written once it has joined: others may wait for the same transaction, and who got an error may rely on it.
func (r *records) add(ctx context.Context, some []record, write func(context.Context, []record) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	if t := r.open; t != nil {
		t.records = append(t.records, some...)
		r.mu.Unlock()
		<-t.done
		return t.err
	}
	t := &transaction{records: some, done: make(chan struct{}), err: errUnwritten}
	before := r.last
	r.last, r.open = t, t
	r.mu.Unlock()
	if before != nil {
		<-before.done
	}
	r.mu.Lock()
	r.open = nil
	r.mu.Unlock()
	defer close(t.done)
	t.err = write(context.WithoutCancel(ctx), t.records)
	return t.err
}
