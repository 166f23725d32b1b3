package split_test

import (
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// inOrder has Postfix send one message after the other, so that they arrive in the order in which a case sends them.
const inOrder = "sealsplit_destination_concurrency_limit = 1\nsmtp_destination_concurrency_limit = 1\n"

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	program := stock.Build(t, "-race")
	labtest.EachHop(t, func(t *testing.T, name string, sevenBit bool) {
		cases := labtest.Cases(t, "postfix", "split", name)
		w := stock.NewWorld(t.Context(), t, program, sevenBit)
		r := startRelay(t, w, "message_size_limit = 51200000\n"+inOrder)
		if sevenBit {
			cases = slices.DeleteFunc(cases, func(c *scenario.Case) bool {
				// One bounce for each recipient, and each names its own: see TestNextHopWithoutUTF8.
				return strings.Contains(c.Name, "internationalised")
			})
		}
		labtest.Play(t, w, r, cases, noPass)
	})
}
