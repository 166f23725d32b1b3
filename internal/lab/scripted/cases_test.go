package scripted_test

import (
	"slices"
	"testing"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/lab/scripted"
)

// TestCases plays every end-to-end case on the double in the manner of each MTA: once to a next hop with 8BITMIME and with
// bodies in full packets, once to one without and with bodies cut between CR and LF.
func TestCases(t *testing.T) {
	t.Parallel()
	program := stock.Build(t)
	for _, variant := range []struct {
		style    scripted.Style
		sevenBit bool
		cut      func([]byte) [][]byte
		names    []string // that lines of cases are for
	}{
		{scripted.LikePostfix, false, nil, []string{"scripted", "postfix", "8bit"}},
		// In either manner the double has Postfix's words.
		{scripted.LikeSendmail, true, cutInLineEnds, []string{"scripted", "7bit"}},
	} {
		t.Run(variant.style.String(), func(t *testing.T) {
			t.Parallel()
			cases := labtest.Cases(t, variant.names...)
			if variant.style == scripted.LikeSendmail {
				cases = slices.DeleteFunc(cases, func(c *scenario.Case) bool {
					// sendmail, which submits over SMTP, has no SMTPUTF8; to the cases this is not sendmail.
					return c.Name == "40-local-internationalised"
				})
			}
			w := stock.NewWorld(t.Context(), t, program, variant.sevenBit)
			labtest.Play(t, w, start(t, w, scripted.Config{Style: variant.style, Cut: variant.cut}), cases, nil)
		})
	}
}

// cutInLineEnds cuts between CR and LF, in the first hundred lines.
func cutInLineEnds(body []byte) [][]byte {
	var places []int
	for i := range body {
		if body[i] == '\r' && len(places) < 100 {
			places = append(places, i+1)
		}
	}
	return scripted.Pieces(body, places...)
}

// start starts a double in a world.
func start(t *testing.T, w *scenario.World, config scripted.Config) *scripted.MTA {
	t.Helper()
	config.Milter, config.Relay, config.Copies = w.Listen, w.Sink.Addr, w.Reinject
	config.Login = func(user, password string) bool { return user == password }
	m, err := scripted.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, m.Close)
	return m
}
