package postfix_test

import (
	"context"
	"os"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// submission is a private Postfix with the shipped fragments, as the cases see it.
type submission struct{ *lab.Postfix }

func (s submission) SubmissionAddr() string { return s.Addr }

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := lab.Build(t.Context(), dir, "sealmilter/cmd/sealmilter", "-race")
	if err != nil {
		t.Fatal(err)
	}
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.Cases("postfix", name)
			if err != nil {
				t.Fatal(err)
			}
			w, err := scenario.NewWorld(t.Context(), program, sevenBit, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
			p, err := lab.StartPostfix(t.Context(), lab.PostfixConfig{
				Relay:    w.Sink.Addr,
				Auth:     w.Auth.Addr,
				Main:     postfix.MainCF(w.Listen) + "message_size_limit = 51200000\n",
				Master:   postfix.MasterCF(w.Listen, w.Reinject),
				Progress: os.Stderr,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := w.Play(ctx, c, submission{p}); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
				})
			}
		})
	}
}
