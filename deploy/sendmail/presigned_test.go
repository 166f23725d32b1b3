package sendmail_test

import (
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestSignaturesOfClientsSurvive sends what gpg and openssl have signed to a next hop with 8BITMIME and to one without.
func TestSignaturesOfClientsSurvive(t *testing.T) {
	t.Parallel()
	program := stock.Build(t)
	labtest.EachHop(t, func(t *testing.T, _ string, sevenBit bool) {
		w := stock.NewWorld(t.Context(), t, program, sevenBit)
		labtest.SignaturesSurvive(t, w, startFor(t.Context(), t, w))
	})
}
