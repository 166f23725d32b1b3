package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// TestRecordsAreShared has many records come while one is written: they share the next transaction, and its fate.
func TestRecordsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, goOn := errors.New("the disk is full"), make(chan struct{})
		var written []int
		write := func(ctx context.Context, some []record) error {
			written = append(written, len(some))
			<-goOn
			if len(written) == 2 {
				return full
			}
			return ctx.Err()
		}
		var r records
		var all sync.WaitGroup
		add := func(ctx context.Context, n int, want error) {
			all.Go(func() {
				if err := r.add(ctx, make([]record, n), write); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			})
			synctest.Wait()
		}
		ctx, giveUp := context.WithCancel(t.Context())
		add(t.Context(), 1, nil)
		add(ctx, 2, full) // it begins the second transaction
		for range 10 {
			add(t.Context(), 1, full)
		}
		giveUp()
		add(ctx, 1, context.Canceled)
		goOn <- struct{}{}
		synctest.Wait()
		ctx, giveUp = context.WithCancel(t.Context())
		add(ctx, 1, nil) // it is too late for the second one
		add(t.Context(), 1, nil)
		giveUp() // which must not be the end of the other's record
		goOn <- struct{}{}
		synctest.Wait()
		goOn <- struct{}{}
		all.Wait()
		add(t.Context(), 1, nil)
		goOn <- struct{}{}
		all.Wait()
		if fmt.Sprint(written) != "[1 12 2 1]" {
			t.Errorf("transactions of %v", written)
		}
	})
}

// TestRecordsAreSafe adds from many goroutines at once.
func TestRecordsAreSafe(t *testing.T) {
	var r records
	running, n := 0, 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				r.add(t.Context(), make([]record, 1), func(_ context.Context, some []record) error {
					if running++; running != 1 {
						t.Error("two transactions at a time")
					}
					n += len(some)
					running--
					return nil
				})
			}
		})
	}
	all.Wait()
	if n != 1000 {
		t.Errorf("%d records", n)
	}
}
