package lab_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
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
	config.Progress = t.Output()
	postfix, err := lab.StartPostfix(bounded(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(postfix.Log())
		}
		if err := postfix.Close(); err != nil {
			t.Error(err)
		}
	})
	return postfix
}

func dial(t *testing.T, addr string) *lab.Client {
	t.Helper()
	client, err := lab.Dial(bounded(t), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Drop)
	return client
}

// said fails the test unless a reply begins with want.
func said(t *testing.T, want string) func(lab.Reply, error) {
	return func(reply lab.Reply, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(reply.String(), want) {
			t.Fatalf("the server said %q, want %q", reply, want)
		}
	}
}
