package split_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", "-race")
	if err != nil {
		t.Fatal(err)
	}
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.Cases("postfix", "split", name)
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
			// One after the other, messages arrive in the order in which the cases send them.
			r := startRelay(t, w, "message_size_limit = 51200000\nsealsplit_destination_concurrency_limit = 1\n")
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					if sevenBit && strings.Contains(c.Name, "internationalised") {
						t.Skip("one bounce for each recipient, and each names its own: see TestNextHopWithoutUTF8")
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := w.Play(ctx, c, r); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
				})
			}
			noPass(t, w)
		})
	}
}
