package sendmail_test

import (
	"context"
	"testing"

	"sealmilter/deploy/sendmail"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// instance is a name to embed the type by, which has a method of its own name.
type instance = lab.Sendmail

// submission is a private sendmail with the shipped fragments.
type submission struct {
	*instance
	submit string // the address of the listener for the command
}

// TestCases plays every end-to-end case with the shipped fragments, to a next hop with 8BITMIME and to one without.
func TestCases(t *testing.T) {
	t.Parallel()
	program := stock.Build(t, "-race")
	labtest.EachHop(t, func(t *testing.T, name string, sevenBit bool) {
		cases := labtest.Cases(t, "sendmail", name)
		w := stock.NewWorld(t.Context(), t, program, sevenBit)
		labtest.Play(t, w, startFor(t.Context(), t, w), cases, nil)
	})
}

// startFor starts a sendmail with the fragments for a world's milter.
func startFor(ctx context.Context, t *testing.T, w *scenario.World, adjust ...func(*lab.SendmailConfig)) submission {
	t.Helper()
	submit := labtest.Reserve(t)
	config := lab.SendmailConfig{
		Relay:    w.Sink.Addr,
		Auth:     w.Auth,
		MC:       sendmail.MC(w.Listen, w.Reinject, submit),
		SubmitMC: sendmail.SubmitMC(submit),
	}
	for _, f := range adjust {
		f(&config)
	}
	return submission{labtest.StartSendmail(ctx, t, config), submit}
}
