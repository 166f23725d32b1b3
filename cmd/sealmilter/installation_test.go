package main

import (
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/premises"
)

// TestConfidentialityOf checks that the configuration's word reaches the composer, and that what is no word of it hides
// most.
func TestConfidentialityOf(t *testing.T) {
	for word, want := range map[config.Confidentiality]pgpmime.Confidentiality{
		config.Baseline: pgpmime.Baseline, config.Shy: pgpmime.Shy, config.NoConfidentiality: pgpmime.NoConfidentiality,
		"": pgpmime.Shy, "unknown": pgpmime.Shy,
	} {
		c := &config.Config{Headers: config.Headers{Confidentiality: word, LegacyDisplay: true}}
		i := installation{&premises.State{Config: c}}
		composer := i.gate(c, nil, nil, nil, nil).Composer
		if composer.Confidentiality != want || !composer.LegacyDisplay {
			t.Errorf("%q: composer with %d, legacy display elements: %t", word, composer.Confidentiality, composer.LegacyDisplay)
		}
	}
}

// opened returns the installation of a configuration, with a state directory that is made now.
func opened(t *testing.T, c *config.Config) *installation {
	t.Helper()
	state, err := premises.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	return &installation{state}
}
