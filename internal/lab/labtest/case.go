package labtest

import (
	"context"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// Look judges what has arrived in a case, beyond what the case itself wants.
type Look func(ctx context.Context, t *testing.T, arrived []lab.Delivery)

// Play plays cases one after the other, each as a subtest that has a minute. A nil look looks at nothing.
func Play(t *testing.T, w *scenario.World, mta scenario.MTA, cases []*scenario.Case, look Look) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
