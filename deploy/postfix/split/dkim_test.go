package split_test

import (
	"context"
	"strings"
	"testing"

	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// TestEveryCopyIsSignedByOpenDKIM plays cases with the signer behind sealmilter at the inner listener, as docs/filters.md
// tells: what arrives has a DKIM signature that verifies. Mail from elsewhere that claims to be from here is among it: to
// the signer everybody is this host.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	const page = "../../../docs/filters.md"
	cases, err := scenario.DKIMCases("split", "8bit")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "-race")
	signer, front := labtest.StartSigner(t.Context(), t, page, lab.OpenDKIMConfig{}), labtest.StartFilter(t)
	r := startRelay(t, w, inOrder)
	addresses := strings.NewReplacer(
		"127.0.0.1:11332", front.Addr, "127.0.0.1:8891", signer.Addr,
		split.Listen, w.Listen, split.Reinject, w.Reinject, split.Inner, r.inner,
	)
	labtest.Wire(t.Context(), t, r.Postfix, labtest.PageBlock(t, page, "### Postfix that splits by recipient"), addresses.Replace)
	signed, shown := labtest.SignedBy(signer), 0
	labtest.Play(t, w, r, cases, func(ctx context.Context, t *testing.T, arrived []lab.Delivery) {
		signed(ctx, t, arrived)
		if len(front.Screenings()) == shown {
			t.Error("the filter in front was not asked")
		}
		shown = len(front.Screenings())
	})
	for _, s := range front.Screenings() {
		if strings.Contains(string(s.Body), "BEGIN PGP MESSAGE") {
			t.Errorf("the filter in front was shown ciphertext:\n%s", s.Body)
		}
	}
}
