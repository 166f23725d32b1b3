package sendmail_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	program := stock.Build(t, "-race")
	labtest.EachHop(t, func(t *testing.T, name string, sevenBit bool) {
		cases, err := scenario.DKIMCases("sendmail", name)
		if err != nil {
			t.Fatal(err)
		}
		f := startFilters(t, program, sevenBit, wiringOfThePage(t))
		labtest.Play(t, f.World, f.MTA, cases, labtest.SignedBy(f.Signer))
	})
}

// A signer in front of sealmilter signs what nobody gets: sealed copies leave without a signature.
func TestSignerInFront(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	order := wiringOfThePage(t)
	f := startFilters(t, stock.Build(t), false, wiring{above: order.below, copies: "InputMailFilters=sealmilter"})
	f.Begin(ctx, t, "")
	labtest.Said(t, "250")(f.Submit(ctx, t, labtest.Message("front", ""), "bob@example.net", "erin@example.com"))
	for mailbox, message := range f.Arrived(ctx, t, "bob@example.net", "erin@example.com") {
		if bytes.Contains(message, []byte("DKIM-Signature:")) {
			t.Errorf("%s:\n%s", mailbox, message)
		}
	}
	for _, s := range f.Behind.Screenings() {
		if bytes.Contains(s.Header, []byte("DKIM-Signature:")) {
			t.Errorf("sealmilter left the signature in\n%s", s.Header)
		}
	}
}
