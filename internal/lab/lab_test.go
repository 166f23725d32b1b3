package lab_test

import (
	"context"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// patience bounds a test that waits for something that never comes; fetching packages on a fresh machine included.
const patience = 5 * time.Minute

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func startSink(t *testing.T, config lab.SinkConfig) *lab.Sink {
	t.Helper()
	sink, err := lab.StartSink(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return sink
}

func startPostfix(t *testing.T, config lab.PostfixConfig) *lab.Postfix {
	t.Helper()
	return labtest.StartPostfix(bounded(t), t, config)
}

func dial(t *testing.T, addr string) *lab.Client {
	t.Helper()
	return labtest.Dial(bounded(t), t, addr)
}
