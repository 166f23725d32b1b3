package split_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// relay is a private Postfix with the shipped fragments.
type relay struct {
	*lab.Postfix
	inner string // the address of the inner listener
}

func (r relay) SubmissionAddr() string { return r.Addr }

// newWorld builds the program and everything that its mail needs beside a Postfix.
func newWorld(t *testing.T, buildFlags ...string) *scenario.World {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", buildFlags...)
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.NewWorld(t.Context(), program, false, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// startRelay starts a Postfix for a world, with more lines in its main.cf.
func startRelay(t *testing.T, w *scenario.World, mainCF string) relay {
	t.Helper()
	port, err := lab.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	r := relay{inner: port.Addr}
	r.Postfix, err = lab.StartPostfix(t.Context(), lab.PostfixConfig{
		Relay:    w.Sink.Addr,
		Auth:     w.Auth.Addr,
		Main:     mainCF + split.MainCF(w.Listen, r.inner),
		Master:   split.MasterCF(w.Listen, w.Reinject, r.inner),
		Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// noPass makes sure that nothing of a pass has reached a mailbox, nor the name of the way.
func noPass(t *testing.T, w *scenario.World) {
	t.Helper()
	for _, d := range w.Sink.Deliveries() {
		for _, trace := range []string{"x-sealmilter", "SEALFRONT", "SEALINNER"} {
			if bytes.Contains(bytes.ToLower(d.Data), []byte(strings.ToLower(trace))) {
				t.Errorf("%s got a message with %q:\n%.2000s", d.To, trace, d.Data)
			}
		}
	}
}
