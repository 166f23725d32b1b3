package postfix_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// dkimCases are the cases in which messages are changed, converted or made in different ways.
var dkimCases = strings.Fields("02 03 06 11 12 14 16 17 18 19 20 22 25")

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	cases, err := scenario.Cases("postfix")
	if err != nil {
		t.Fatal(err)
	}
	commands, lines := blockUnder(t, "### Postfix"), strings.Join(blockUnder(t, "### OpenDKIM"), "\n")
	program := buildProgram(t)
	for name, hop := range map[string]struct {
		sevenBit         bool
		canonicalization string
	}{
		"8bit": {false, "relaxed/simple"},
		"7bit": {true, "simple/simple"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFilters(t, program, hop.sevenBit, lab.OpenDKIMConfig{Canonicalization: hop.canonicalization, Lines: lines})
			f.wire(t, commands)
			for _, c := range cases {
				if !slices.Contains(dkimCases, c.Name[:2]) {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					already := len(f.Sink.Deliveries())
					if err := f.Play(ctx, c, submission{f.postfix}); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
					for _, d := range f.Sink.Deliveries()[already:] {
						if err := scenario.CheckDKIM(ctx, f.signer, d.Data); err != nil {
							t.Errorf("to %s: %v\n%s", d.To, err, d.Data[:min(len(d.Data), 4000)])
						}
					}
				})
			}
		})
	}
}
