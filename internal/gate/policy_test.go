package gate

import (
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// TestDecideEveryCombination walks through all facts and holds the table to the promises of docs/policy.md.
func TestDecideEveryCombination(t *testing.T) {
	count := 0
	for _, mode := range []config.Mode{config.Require, config.Prefer, config.Sign, config.Pass, "", "bogus"} {
		for _, key := range []keys.Status{keys.Unknown, keys.None, keys.Found, 9} {
			for _, message := range []encryption{clearText, toOthers, toThem} {
				for _, author := range []signing{signingUnknown, signingMissing, signingUnneeded, signingReady, 9} {
					for bits := range 4 {
						f := facts{mode: mode, key: key, message: message, author: author, seen: bits&1 != 0, promised: bits&2 != 0}
						got, _ := decide(f)
						if want := expected(f); got != want {
							t.Errorf("%+v: %v, want %v", f, got, want)
						}
						count++
					}
				}
			}
		}
	}
	t.Logf("%d combinations", count)
}

// expected says the policy again, as promises: first what must never leave in clear text, then the rest.
func expected(f facts) Action {
	known := f.mode == config.Require || f.mode == config.Prefer || f.mode == config.Sign || f.mode == config.Pass
	if !known {
		return Defer
	}
	if f.mode == config.Pass || f.mode == config.Sign && f.message != clearText {
		return Pass
	}
	canSign := map[signing]Action{signingReady: SignOnly, signingMissing: Reject, signingUnneeded: Reject}[f.author]
	canEncrypt := map[signing]Action{signingReady: Encrypt, signingUnneeded: Encrypt, signingMissing: Reject}[f.author]
	if f.mode == config.Sign {
		return canSign
	}
	if f.key == keys.Found {
		if f.message == toThem {
			return Pass
		}
		return canEncrypt
	}
	unknown := f.key != keys.None
	if f.mode == config.Require {
		if unknown {
			return Defer
		}
		return Reject
	}
	if f.message != clearText {
		return Pass
	}
	if f.promised || unknown && f.seen {
		return Defer
	}
	return canSign
}

func TestModeFor(t *testing.T) {
	pattern := func(s string) []mail.Pattern {
		p, err := mail.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		return []mail.Pattern{p}
	}
	addr := func(s string) mail.Addr {
		a, err := mail.ParsePath(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	policy := config.Policy{Mode: config.Prefer, Rules: []config.Rule{
		{From: pattern("boss@example.org"), To: pattern("@bank.example"), Mode: config.Sign},
		{To: pattern("@bank.example"), Mode: config.Require},
		{From: pattern("ci@example.org"), Mode: config.Pass},
	}}
	for _, tc := range []struct {
		from, to string
		want     config.Mode
	}{
		{"boss@example.org", "a@bank.example", config.Sign},
		{"BOSS@EXAMPLE.ORG", "A@Bank.Example", config.Sign},
		{"alice@example.org", "a@bank.example", config.Require},
		{"ci@example.org", "a@bank.example", config.Require},
		{"ci@example.org", "bob@example.net", config.Pass},
		{"", "bob@example.net", config.Prefer},
		{"", "a@bank.example", config.Require},
	} {
		if got := modeFor(policy, addr(tc.from), addr(tc.to)); got != tc.want {
			t.Errorf("%s to %s: %s, want %s", tc.from, tc.to, got, tc.want)
		}
	}
	for _, tc := range [][3]config.Mode{
		{config.Require, config.Pass, config.Require}, {config.Sign, config.Prefer, config.Prefer}, {config.Pass, "bogus", "bogus"},
	} {
		if stricter(tc[0], tc[1]) != tc[2] || stricter(tc[1], tc[0]) != tc[2] {
			t.Errorf("the stricter of %s and %s is not %s", tc[0], tc[1], tc[2])
		}
	}
}
