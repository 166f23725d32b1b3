package crypto_test

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// TestSizeInMemory holds the estimate against what the runtime counts, for those who bound memory by it.
func TestSizeInMemory(t *testing.T) {
	many := newEntity(t, at(now.Add(-day)))
	for i := range 50 {
		addUserID(t, many, strings.Repeat("x", i)+"@example.org")
		addDirectSignature(t, many, now.Add(time.Duration(-i)*time.Minute), 0)
	}
	wordy := newEntity(t, at(now.Add(-day), func(c *packet.Config) {
		for range 1000 {
			c.SignatureNotations = append(c.SignatureNotations, &packet.Notation{Name: "a@b"})
		}
	}))
	for name, c := range map[string]*crypto.Cert{
		"generated":       generate(t, "a@example.org").Cert(),
		"version 6":       cert(t, newEntity(t, v6(now.Add(-day)))),
		"elgamal":         readArmoredCert(t, "testdata/elgamal.asc"),
		"many signatures": cert(t, many),
		"many subpackets": cert(t, wordy),
	} {
		raw := c.Bytes()
		got := memory(t, raw)
		if size := c.Size(); size < got || size > 3*got {
			t.Errorf("%s: %d octets are said to take %d octets of memory, and take %d", name, len(raw), size, got)
		}
	}
}

// memory returns how many octets a certificate takes.
func memory(t *testing.T, raw []byte) int {
	t.Helper()
	const copies = 20
	certs := make([]*crypto.Cert, copies)
	inUse := func() int64 {
		runtime.GC()
		runtime.GC() // the second frees what the first has swept out of pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	for i := range certs {
		var err error
		if certs[i], err = crypto.ParseCert(raw); err != nil {
			t.Fatal(err)
		}
	}
	taken := inUse() - before
	if slices.Contains(certs, nil) || !bytes.Equal(certs[0].Bytes(), raw) {
		t.Fatal("it is not the same certificate")
	}
	return int(taken) / copies
}
