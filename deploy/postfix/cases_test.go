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
	program := stock.Build(t, "-race")
	labtest.EachHop(t, func(t *testing.T, name string, sevenBit bool) {
		cases := labtest.Cases(t, "postfix", name)
		w := stock.NewWorld(t.Context(), t, program, sevenBit)
		labtest.Play(t, w, labtest.StartPostfix(t.Context(), t, fragmentsFor(w)), cases, nil)
	})
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
