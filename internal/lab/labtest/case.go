package labtest

import (
	"context"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// Look judges what has arrived in a case, beyond what the case itself wants.
type Look func(ctx context.Context, t *testing.T, arrived []lab.Delivery)

// Play plays cases one after the other, each as a subtest that has [Patience]. A nil look looks at nothing.
func Play(t *testing.T, w *scenario.World, mta scenario.MTA, cases []*scenario.Case, look Look) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), Patience)
			defer cancel()
			already := len(w.Sink.Deliveries())
			if err := w.Play(ctx, c, mta); err != nil {
				t.Errorf("%s\n%v", c.Comment, err)
			}
			if look != nil {
				look(ctx, t, w.Sink.Deliveries()[already:])
			}
		})
	}
}

// EachHop runs a test for a next hop with 8BITMIME and for one without, at the same time. The name is the word that lines of
// cases have for the hop.
func EachHop(t *testing.T, run func(t *testing.T, name string, sevenBit bool)) {
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, name, sevenBit)
		})
	}
}

// Cases returns the end-to-end cases as [scenario.Cases] does.
func Cases(t testing.TB, names ...string) []*scenario.Case {
	t.Helper()
	cases, err := scenario.Cases(names...)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// SignedBy looks for the DKIM signature that every message of the signer's domain should have.
func SignedBy(signer *lab.OpenDKIM) Look {
	return func(ctx context.Context, t *testing.T, arrived []lab.Delivery) {
		t.Helper()
		for _, d := range arrived {
			if err := scenario.CheckDKIM(ctx, signer, d.Data); err != nil {
				t.Errorf("to %s: %v\n%.4000s", d.To, err, d.Data)
			}
		}
	}
}
