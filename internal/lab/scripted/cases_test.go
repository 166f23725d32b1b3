package scripted_test

import (
	"context"
	"os"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/lab/scripted"
)

// TestCases plays every end-to-end case on the double in the manner of each MTA: once to a next hop with 8BITMIME and with
// bodies in full packets, once to one without and with bodies cut between CR and LF.
func TestCases(t *testing.T) {
	t.Parallel()
	program := build(t)
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
			cases, err := scenario.Cases(variant.names...)
			if err != nil {
				t.Fatal(err)
			}
			w := world(t, program, variant.sevenBit)
			m := start(t, w, scripted.Config{Style: variant.style, Cut: variant.cut})
			for _, c := range cases {
				if c.Name == "40-local-internationalised" && variant.style == scripted.LikeSendmail {
					continue // sendmail, which submits over SMTP, has no SMTPUTF8; to the cases this is not sendmail.
				}
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := w.Play(ctx, c, m); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
				})
			}
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

// build compiles the program.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", flags...)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func world(t *testing.T, program string, sevenBit bool) *scenario.World {
	t.Helper()
	w, err := scenario.NewWorld(t.Context(), program, sevenBit, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
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
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}
