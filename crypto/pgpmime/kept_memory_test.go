package pgpmime_test

import (
	"runtime"
	"strings"
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// TestManyDraftsAreSmall holds many drafts at the same time, of texts that have to be encoded: beside the message, each
// takes little whatever its size.
func TestManyDraftsAreSmall(t *testing.T) {
	const drafts, allowed = 50, 48 << 10 // octets for each, with the text once more for its legacy display
	c := realComposer()
	c.Confidentiality, c.LegacyDisplay = pgpmime.Shy, true
	for _, lines := range []int{10, 240, 2000} {
		m := parseMessage("From: alice@example.org\nSubject: s\nContent-Type: text/plain; charset=utf-8\n\n" +
			strings.Repeat("Größe, Länge und Übertragung von allem\n", lines))
		if got := heldBy(t, c, m, drafts); got > allowed {
			t.Errorf("a draft of %d octets takes %d more, want no more than %d", len(m.Body), got, allowed)
		}
	}
}

// heldBy returns the octets that each of so many drafts holds.
func heldBy(t *testing.T, c *pgpmime.Composer, m *mail.Message, drafts int) int64 {
	t.Helper()
	before := heapInUse()
	all := make([]*pgpmime.Draft, drafts)
	for i := range all {
		var err error
		if all[i], err = c.Prepare(m); err != nil {
			t.Fatal(err)
		}
	}
	held := (heapInUse() - before) / int64(drafts)
	runtime.KeepAlive(all)
	return held
}

// heapInUse is in octets.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
