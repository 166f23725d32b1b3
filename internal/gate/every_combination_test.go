package gate

import (
	"fmt"
	"slices"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestAskedEveryCombination holds what authors can ask for to the promises of docs/policy.md.
func TestAskedEveryCombination(t *testing.T) {
	order := []config.Mode{config.Pass, config.Sign, config.Prefer, config.Require}
	for _, mode := range append(slices.Clone(order), "", "bogus") {
		for _, asked := range append(slices.Clone(order), "", "bogus") {
			for bits := range 4 {
				less, firm := bits&1 != 0, bits&2 != 0
				got := ruling{mode: mode, firm: firm, together: true}.asked(asked, less)
				want := asked
				switch from, to := slices.Index(order, mode), slices.Index(order, asked); {
				case from < 0, asked == "": // nothing leaves, whatever is asked for; or nothing is
					want = mode
				case to >= 0 && to < from && (!less || firm):
					want = mode
				}
				if got.mode != want || got.firm != firm || !got.together {
					t.Errorf("%q, asked for %q, less %t, firm %t: %+v, want %q", mode, asked, less, firm, got, want)
				}
			}
		}
	}
}

// TestApartEveryCombination walks through all messages to two recipients and one who was refused at RCPT TO, and holds them
// to the promise: nobody gets in clear text what another gets encrypted.
func TestApartEveryCombination(t *testing.T) {
	to, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	var all []Decision
	for _, action := range []Action{Defer, Reject, Encrypt, SignOnly, Pass, 9} {
		for _, why := range []verdict{undecided, byMode, alreadyTheirs, alreadyEncrypted, noKey, noAuthorKey, notTheirs} {
			all = append(all, Decision{To: mail.Recipient{Addr: to}, Do: action, verdict: why})
		}
	}
	clear := func(d Decision) bool { return d.Do == SignOnly || d.Do == Pass && d.verdict != alreadyTheirs }
	leaves := func(d Decision) bool { return d.encrypted() || clear(d) }
	for _, a := range all {
		for _, b := range all {
			for _, refused := range append([]Decision{{Do: 9}}, all...) {
				for bits := range 4 {
					p := &Plan{Decisions: []Decision{a, b}, sealedElsewhere: bits&2 != 0}
					p.Decisions[1].together = bits&1 != 0
					if refused.Do == Reject || refused.Do == Defer {
						p.refused = []Decision{refused}
					}
					name := fmt.Sprintf("%v/%d, %v/%d, refused %v/%d, %b", a.Do, a.verdict, b.Do, b.verdict, refused.Do, refused.verdict, bits)
					// What is put off or refused as a whole in any case may be either.
					undecided := func(d Decision) bool { return !leaves(d) && d.Do != Reject }
					if undecided(a) || undecided(b) || !leaves(a) && !leaves(b) {
						continue
					}
					kept := bits != 0
					someSealed := a.encrypted() || b.encrypted() || bits&2 != 0
					someRefused := a.Do == Reject || b.Do == Reject || len(p.refused) > 0
					someClear := clear(a) || clear(b)
					want := kept && (someSealed && someClear || someRefused)
					if got := p.apart(); (got != nil) != want {
						t.Errorf("%s: %v, want a refusal: %t", name, got, want)
					}
				}
			}
		}
	}
}
