package keys_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestCertificatesAreParsedOnce goes by the pointer: it is another one for what was parsed again.
func TestCertificatesAreParsedOnce(t *testing.T) {
	h := newHost(t)
	other := h.process(t)
	rita := readCert(t, "rita.asc")
	importOne(t, other.local, keys.ImportOptions{}, armored(t, rita))
	d := h.directory(h.local)
	lookup := func(d *keys.Directory, status keys.Status) *crypto.Cert {
		t.Helper()
		a := d.Lookup(t.Context(), addr(t, "rita@example.org"))
		if a.Status != status {
			t.Fatalf("%+v", a)
		}
		return a.Cert
	}
	first := lookup(d, keys.Found)
	for _, change := range []struct {
		name string
		make func()
	}{
		{"nothing", func() {}},
		{"another certificate", func() {
			importOne(t, other.local, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 0).Cert()))
		}},
		{"another address", func() {
			importOne(t, other.local, keys.ImportOptions{For: mailAddrs(t, "r@example.org")}, armored(t, rita))
		}},
		{"the pin", func() {
			if err := other.directory(other.local).Pin(t.Context(), addr(t, "rita@example.org"), rita.Fingerprint()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		change.make()
		if lookup(d, keys.Found) != first {
			t.Errorf("it is parsed again after a change of %s", change.name)
		}
	}
	// As when the configuration is read again.
	d = h.directory(h.local)
	if lookup(d, keys.Found) != first {
		t.Error("it is parsed again for a new directory")
	}
	importOne(t, other.local, keys.ImportOptions{}, armored(t, readCert(t, "rita-revoked.asc")))
	lookup(d, keys.None)
}

// TestParsedCertificateExpires asks that what is in memory is judged by the time of use, in the store's present and in the
// next generation.
func TestParsedCertificateExpires(t *testing.T) {
	h := newHost(t)
	importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, "alice@example.org", 0, time.Hour).Cert()))
	d := h.directory(h.local)
	is := func(want keys.Status) {
		t.Helper()
		for _, d := range []*keys.Directory{d, h.directory(h.local)} {
			if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != want {
				t.Errorf("%+v, want %v", a, want)
			}
		}
	}
	is(keys.Found)
	h.clock.advance(time.Hour - time.Second)
	is(keys.Found)
	h.clock.advance(2 * time.Second)
	is(keys.None)
	importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 0).Cert()))
	is(keys.None)
	h.clock.advance(-3 * time.Second)
	is(keys.Found)
}

// TestManyLookUpWhileKeysChange has sessions look up the same and different addresses while another process imports,
// revokes and removes.
func TestManyLookUpWhileKeysChange(t *testing.T) {
	const sessions, lookups = 200, 5
	h := newHost(t)
	other := h.process(t)
	rita := readCert(t, "rita.asc")
	importOne(t, h.local, keys.ImportOptions{}, armored(t, rita))
	for i := range 5 {
		importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, fmt.Sprintf("user%d@example.org", i), 0, 0).Cert()))
	}
	d := h.directory(h.local)
	revoked, gone := make(chan struct{}), make(chan struct{})
	after := func(event chan struct{}) bool {
		select {
		case <-event:
			return true
		default:
			return false
		}
	}
	var group sync.WaitGroup
	for i := range sessions {
		group.Go(func() {
			for j := range lookups {
				ritaRevoked, userGone := after(revoked), after(gone)
				if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status == keys.Unknown || a.Status == keys.Found && ritaRevoked {
					t.Errorf("rita, revoked %t: %+v", ritaRevoked, a)
				}
				n := (i + j) % 5
				a := d.Lookup(t.Context(), addr(t, fmt.Sprintf("user%d@example.org", n)))
				switch {
				case a.Status == keys.Found && a.Cert.Addrs()[0].Local() == fmt.Sprintf("user%d", n) && !(n == 0 && userGone):
				case a.Status == keys.None && n == 0:
				default:
					t.Errorf("user%d: %+v", n, a)
				}
			}
		})
	}
	importOne(t, other.local, keys.ImportOptions{}, armored(t, readCert(t, "rita-revoked.asc")))
	close(revoked)
	if err := other.local.Remove(t.Context(), "user0@example.org"); err != nil {
		t.Fatal(err)
	}
	close(gone)
	for i := range 5 {
		importOne(t, other.local, keys.ImportOptions{}, armored(t, generate(t, fmt.Sprintf("new%d@example.org", i), 0, 0).Cert()))
	}
	group.Wait()
}
