package crypto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// FuzzMerge merges anything into a certificate. Whatever it is, nothing that the certificate says is lost, merging again
// changes nothing, and a certificate within the update that is merged the other way comes to the same.
func FuzzMerge(f *testing.F) {
	k := generate(f, "a@example.org")
	c := k.Cert()
	e := entity(f, k)
	addUserID(f, e, "second@example.org")
	revokeUserID(f, e, "second@example.org", now)
	if err := e.AddSigningSubkey(at(now.Add(-day))); err != nil {
		f.Fatal(err)
	}
	if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now)); err != nil {
		f.Fatal(err)
	}
	revocation := bareRevocation(f, k, packet.KeyCompromised)
	f.Add(c.Bytes(), revocation)
	f.Add(c.Bytes(), certBytes(f, e))
	f.Add(certBytes(f, e), c.Bytes())
	f.Add(c.Bytes(), slices.Concat(packetsUpTo(f, c.Bytes(), 1), revocation, userAttribute(f, e), unknownSubkey(f, e)))
	f.Add(c.Bytes(), armoredCert(f, c))
	six := newEntity(f, v6(now.Add(-day)))
	f.Add(certBytes(f, six), slices.Concat(certBytes(f, six), unknownSubkey(f, six)))
	f.Add(readArmoredCert(f, "testdata/dsa.asc").Bytes(), c.Bytes())
	f.Fuzz(func(t *testing.T, stored, update []byte) {
		c, err := crypto.ParseCert(stored)
		if err != nil {
			return
		}
		m, err := c.Merge(update)
		if err != nil {
			return
		}
		again, err := m.Merge(update)
		if err != nil || !bytes.Equal(again.Bytes(), m.Bytes()) {
			t.Errorf("merging again changes the certificate: %v", err)
		}
		if m.Fingerprint() != c.Fingerprint() || c.Revoked(now) && !m.Revoked(now) {
			t.Error("the revocation is lost, or the certificate is another's")
		}
		if len(m.Bytes()) > 1<<19 {
			return // near the limits things are left out
		}
		for _, addr := range c.Addrs() {
			if !slices.Contains(m.Addrs(), addr) && !bytes.Contains(update, []byte(addr.String())) {
				t.Errorf("%s is lost", addr)
			}
		}
		if other, err := crypto.ParseCert(update); err == nil {
			back, err := other.Merge(stored)
			if err != nil {
				t.Fatalf("the other way: %v", err)
			}
			if back.Revoked(now) != m.Revoked(now) || !slices.Equal(owners(t, m), owners(t, back)) {
				t.Errorf("the order makes a difference to what the owner signed:\n%q\n%q", owners(t, m), owners(t, back))
			}
		}
	})
}

// owners lists the addresses and keys of a certificate that its owner signed.
func owners(t testing.TB, c *crypto.Cert) []string {
	t.Helper()
	var list []string
	for _, addr := range c.Addrs() {
		list = append(list, addr.Key())
	}
	slices.Sort(list)
	list = slices.Compact(list)
	var keys []string
	for _, k := range c.Explain(now) {
		if k.Used {
			keys = append(keys, k.Fingerprint)
		}
	}
	slices.Sort(keys)
	return append(list, keys...)
}

// FuzzFor reduces any certificate to each of its addresses.
func FuzzFor(f *testing.F) {
	e := newEntity(f, at(now.Add(-day)))
	for _, id := range []string{"a@example.org", "A <a@example.org>", "b@example.org"} {
		addUserID(f, e, id)
	}
	revokeUserID(f, e, "b@example.org", now)
	f.Add(certBytes(f, e))
	f.Add(slices.Concat(certBytes(f, e), userAttribute(f, e), unknownSubkey(f, e)))
	f.Add(certBytes(f, newEntity(f, v6(now.Add(-day)))))
	f.Add(readArmoredCert(f, "testdata/elgamal.asc").Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := crypto.ParseCert(b)
		if err != nil {
			return
		}
		c.Certifies(c, address(t, "a@example.org"), now)
		for _, addr := range c.Addrs() {
			r, err := c.For(addr)
			if err != nil {
				if c.Explain(now)[0].Used {
					t.Errorf("%s: %v", addr, err)
				}
				continue
			}
			if r.Fingerprint() != c.Fingerprint() || c.Revoked(now) != r.Revoked(now) {
				t.Errorf("%s: it is another certificate", addr)
			}
			for _, other := range r.Addrs() {
				if other.Key() != addr.Key() {
					t.Errorf("%s: it names %s, too", addr, other)
				}
			}
			again, err := r.For(addr)
			if err != nil || !bytes.Equal(again.Bytes(), r.Bytes()) {
				t.Errorf("%s: reducing again changes it: %v", addr, err)
			}
		}
	})
}
