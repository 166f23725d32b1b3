package sendmail_test

import (
	"context"
	"os"
	"testing"
	"time"

	"sealmilter/deploy/sendmail"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// instance is a name to embed the type by, which has a method of its own name.
type instance = lab.Sendmail

// submission is a private sendmail with the shipped fragments, as the cases see it.
type submission struct {
	*instance
	submit string // the address of the listener for the command
}

func (s submission) SubmissionAddr() string { return s.Addr }

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	program := build(t, "-race")
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.Cases("sendmail", name)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, t.Context(), program, sevenBit)
			s := startFor(t, t.Context(), w)
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := w.Play(ctx, c, s); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
				})
			}
		})
	}
}

// build compiles the program.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", flags...)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func newWorld(t *testing.T, ctx context.Context, program string, sevenBit bool) *scenario.World {
	t.Helper()
	w, err := scenario.NewWorld(ctx, program, sevenBit, os.Stderr)
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

// startFor starts a sendmail with the fragments for a world's milter.
func startFor(t *testing.T, ctx context.Context, w *scenario.World, adjust ...func(*lab.SendmailConfig)) submission {
	t.Helper()
	submit := reserve(t)
	config := lab.SendmailConfig{
		Relay:    w.Sink.Addr,
		Auth:     w.Auth,
		MC:       sendmail.MC(w.Listen, w.Reinject, submit),
		SubmitMC: sendmail.SubmitMC(submit),
		Progress: os.Stderr,
	}
	for _, f := range adjust {
		f(&config)
	}
	s, err := lab.StartSendmail(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return submission{s, submit}
}

// reserve returns an address that nobody else gets until the test ends.
func reserve(t *testing.T) string {
	t.Helper()
	port, err := lab.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	return port.Addr
}
