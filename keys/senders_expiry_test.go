package keys_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"sealmilter/keys"
)

const day = 24 * time.Hour

func TestExpiring(t *testing.T) {
	h := newHost(t)
	lives := map[string]time.Duration{
		"never@example.org": 0, "later@example.org": 61 * day, "sixty@example.org": 60 * day, "thirty@example.org": 30 * day,
		"seven@example.org": 7*day + time.Second, "soon@example.org": time.Hour, "over@example.org": 2 * time.Second,
	}
	for address, lifetime := range lives {
		importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, address, 0, lifetime)))
	}
	made, err := h.senders.Generate(t.Context(), addr(t, "made@example.org"), keys.GenerateOptions{Lifetime: 8 * day})
	if err != nil {
		t.Fatal(err)
	}
	broken := importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "broken@example.org", 0, day)))
	if err := os.Truncate(h.secretFile(broken.Fingerprint), 0); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(3 * time.Second)
	all, err := h.senders.Expiring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		address string
		days    int
		step    keys.ExpiryStep
	}
	want := []line{
		{"broken@example.org", 0, keys.Expired}, {"over@example.org", -1, keys.Expired}, {"soon@example.org", 0, keys.ExpiresIn7Days},
		{"seven@example.org", 6, keys.ExpiresIn7Days}, {"made@example.org", 7, keys.ExpiresIn30Days}, {"thirty@example.org", 29, keys.ExpiresIn30Days},
		{"sixty@example.org", 59, keys.ExpiresIn60Days}, {"later@example.org", 60, keys.NotExpiring},
	}
	var got []line
	for _, e := range all {
		got = append(got, line{e.Addresses[0], e.Days, e.Step})
		if e.Generated != (e.Fingerprint == made.Fingerprint) || (e.Err != nil) != (e.Fingerprint == broken.Fingerprint) {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
