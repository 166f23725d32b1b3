package keys

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

func stored(t *testing.T, address string, lifetime time.Duration) store.Certificate {
	t.Helper()
	a, err := mail.ParsePath(address)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.Generate(a, crypto.GenerateOptions{Now: time.Unix(1e9, 0), Rand: rand.Reader, Lifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return store.Certificate{Fingerprint: key.Fingerprint(), Blob: key.Cert().Bytes()}
}

// TestCertCacheGoesByContent has two certificates claim the same fingerprint, and one come under two.
func TestCertCacheGoesByContent(t *testing.T) {
	c := newCertCache()
	parse := func(row store.Certificate) *crypto.Cert {
		t.Helper()
		cert, err := c.parse(row)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	a, b := stored(t, "a@example.org", 0), stored(t, "b@example.org", 0)
	first := parse(a)
	if parse(store.Certificate{Fingerprint: a.Fingerprint, Blob: append([]byte(nil), a.Blob...)}) != first {
		t.Error("the same octets are parsed again")
	}
	if got := parse(store.Certificate{Fingerprint: a.Fingerprint, Blob: b.Blob}); got.Fingerprint() != b.Fingerprint {
		t.Errorf("%s in the place of %s", got.Fingerprint(), b.Fingerprint)
	}
	if _, err := c.parse(store.Certificate{Fingerprint: a.Fingerprint, Blob: a.Blob[:len(a.Blob)-1]}); err == nil {
		t.Error("a truncated certificate is the whole one")
	}
}

func TestCertCacheIsBounded(t *testing.T) {
	c := newCertCache()
	rows := make([]store.Certificate, 5)
	for i := range rows {
		rows[i] = stored(t, fmt.Sprintf("%d@example.org", i), 0)
	}
	first, err := c.parse(rows[0])
	if err != nil {
		t.Fatal(err)
	}
	c.certs.limit = 3 * (first.Size() + certCost)
	for _, row := range rows[1:] {
		if _, err := c.parse(row); err != nil {
			t.Fatal(err)
		}
		if again, err := c.parse(rows[0]); again != first || err != nil {
			t.Errorf("what is in use was dropped, %v", err)
		}
	}
	if n := c.certs.order.Len(); n != 3 || c.certs.size > c.certs.limit {
		t.Errorf("%d certificates in %d octets", n, c.certs.size)
	}
}

// TestCertCacheGivesOnePointer to all who ask at the same time.
func TestCertCacheGivesOnePointer(t *testing.T) {
	c, row := newCertCache(), stored(t, "a@example.org", time.Hour)
	certs := make([]*crypto.Cert, 50)
	var group sync.WaitGroup
	for i := range certs {
		group.Go(func() {
			certs[i], _ = c.parse(row)
			if certs[i] != nil {
				certs[i].Check(time.Unix(1e9+1, 0))
			}
		})
	}
	group.Wait()
	for _, cert := range certs {
		if cert == nil || cert != certs[0] {
			t.Fatalf("%p and %p", cert, certs[0])
		}
	}
	if certs[0].Check(time.Unix(1e9+1, 0)) != nil || certs[0].Check(time.Unix(1e9+7200, 0)) == nil {
		t.Error("whether it can be used does not go by the time of use")
	}
}
