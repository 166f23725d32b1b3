package postfix_test

import (
	"testing"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	program := labtest.Build(t, "-race")
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.Cases("postfix", name)
			if err != nil {
				t.Fatal(err)
			}
			w := labtest.NewWorld(t.Context(), t, program, sevenBit)
			labtest.Play(t, w, labtest.StartPostfix(t.Context(), t, fragmentsFor(w)), cases, nil)
		})
	}
}

// fragmentsFor has the shipped fragments for a world's milter, and takes messages as large as those of the cases.
func fragmentsFor(w *scenario.World) lab.PostfixConfig {
	return lab.PostfixConfig{
		Relay:  w.Sink.Addr,
		Auth:   w.Auth.Addr,
		Main:   postfix.MainCF(w.Listen) + "message_size_limit = 51200000\n",
		Master: postfix.MasterCF(w.Listen, w.Reinject),
	}
}
