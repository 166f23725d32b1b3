package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestTimedOut: only who was not heard at all counts as out of order.
func TestTimedOut(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("garbage"), false},
		{ErrNotFound, false},
		{context.Canceled, false},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), true},
		{fmt.Errorf("ask: %w", os.ErrDeadlineExceeded), true},
		{&FetchError{Why: "did not answer in time", early: true, cause: context.DeadlineExceeded}, true},
		{&FetchError{Why: "did not complete its answer in time", cause: context.DeadlineExceeded}, false},
	} {
		if got := timedOut(tc.err); got != tc.want {
			t.Errorf("%v: %t", tc.err, got)
		}
	}
}
