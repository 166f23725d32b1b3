package gate

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
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
				for _, author := range []signing{signingUnknown, signingMissing, signingUnneeded, signingWaived, signingDeclined, signingReady, 9} {
					for bits := range 8 {
						f := facts{mode: mode, key: key, message: message, author: author, expected: bits&1 != 0, promised: bits&2 != 0, onceMore: bits&4 != 0}
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
	canSign := map[signing]Action{signingReady: SignOnly, signingMissing: Reject, signingUnneeded: Reject, signingWaived: Pass, signingDeclined: Pass}[f.author]
	canEncrypt := map[signing]Action{signingReady: Encrypt, signingUnneeded: Encrypt, signingWaived: Encrypt, signingDeclined: Encrypt, signingMissing: Reject}[f.author]
	if f.mode == config.Sign {
		return canSign
	}
	if f.message == toThem {
		return Pass
	}
	unknown := f.key != keys.None && f.key != keys.Found
	if f.message == toOthers && f.mode == config.Require {
		if f.key == keys.Unknown {
			return Defer
		}
		return Reject
	}
	if f.message == toOthers && !f.onceMore {
		return Pass
	}
	if f.key == keys.Found {
		return canEncrypt
	}
	if f.mode == config.Require {
		if unknown {
			return Defer
		}
		return Reject
	}
	if f.message != clearText {
		return Pass
	}
	if f.promised || unknown && f.expected {
		return Defer
	}
	return canSign
}

func TestRulingFor(t *testing.T) {
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
		{To: pattern("@bank.example"), Mode: config.Require, MinLevel: "known-key"},
		{To: pattern("@typo.example"), Mode: config.Require, MinLevel: "knwon"},
		{From: pattern("ci@example.org"), Mode: config.Pass},
	}}
	for _, tc := range []struct {
		from, to string
		want     ruling
	}{
		{"boss@example.org", "a@bank.example", ruling{mode: config.Sign, rule: 1}},
		{"BOSS@EXAMPLE.ORG", "A@Bank.Example", ruling{mode: config.Sign, rule: 1}},
		{"alice@example.org", "a@bank.example", ruling{mode: config.Require, level: keys.KnownKey, rule: 2}},
		{"ci@example.org", "a@bank.example", ruling{mode: config.Require, level: keys.KnownKey, rule: 2}},
		{"ci@example.org", "a@typo.example", ruling{mode: config.Require, level: keys.Fingerprint, rule: 3}},
		{"ci@example.org", "bob@example.net", ruling{mode: config.Pass, rule: 4}},
		{"", "bob@example.net", ruling{mode: config.Prefer}},
		{"", "a@bank.example", ruling{mode: config.Require, level: keys.KnownKey, rule: 2}},
	} {
		if got := rulingFor(policy, addr(tc.from), addr(tc.to)); got != tc.want {
			t.Errorf("%s to %s: %v, want %v", tc.from, tc.to, got, tc.want)
		}
	}
	for _, tc := range [][3]ruling{
		{{mode: config.Require}, {mode: config.Pass}, {mode: config.Require}},
		{{mode: config.Require, rule: 2}, {mode: config.Pass, rule: 1}, {mode: config.Require, rule: 2}},
		{{mode: config.Sign, rule: 2}, {mode: config.Sign}, {mode: config.Sign, rule: 2}},
		{{mode: config.Sign, level: keys.Fingerprint}, {mode: config.Prefer, level: keys.WeakChain}, {mode: config.Prefer, level: keys.Fingerprint}},
		{{mode: config.Pass}, {mode: "bogus"}, {mode: "bogus"}},
	} {
		if stricter(tc[0], tc[1]) != tc[2] || stricter(tc[1], tc[0]) != tc[2] {
			t.Errorf("the stricter of %v and %v is not %v", tc[0], tc[1], tc[2])
		}
	}
}

func TestBelieved(t *testing.T) {
	bob, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := crypto.Generate(bob, crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	cert := secret.Cert()
	for level := keys.Level(0); level <= keys.Fingerprint; level++ {
		given := keys.Answer{Status: keys.Found, Cert: cert, Source: "hkp", Level: level, SeenBefore: true}
		got := ruling{mode: config.Require, level: keys.ProviderTrust}.believed(given)
		if level >= keys.ProviderTrust {
			if got.Cert != cert || got.Status != keys.Found {
				t.Errorf("%v: %+v", level, got)
			}
			continue
		}
		if got.Status != keys.None || got.Cert != nil || !strings.Contains(got.Why, "is believed only as "+level.String()) {
			t.Errorf("%v: %+v", level, got)
		}
	}
	unknown := keys.Answer{Why: "nobody knows"}
	if got := (ruling{mode: config.Require, level: keys.Fingerprint}).believed(unknown); got.Status != keys.Unknown {
		t.Errorf("unknown became %v", got.Status)
	}
}
