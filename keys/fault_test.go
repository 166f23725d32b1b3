package keys_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// TestStoreFailsInTheMiddle closes the store at every point of a lookup that looks at the clock. What would have stopped
// clear text before must stop it then, too.
func TestStoreFailsInTheMiddle(t *testing.T) {
	alice := generate(t, "alice@example.org", day, 0).Cert()
	bob := generate(t, "bob@example.org", day, 2*day).Cert()
	for _, tc := range []struct {
		name    string
		address string
		known   *crypto.Cert // pinned two days before; nil for none
		answer  func(wkd *provider)
	}{
		{"first use", "alice@example.org", nil, func(wkd *provider) { wkd.gives(alice) }},
		{"pinned and silent", "alice@example.org", alice, func(wkd *provider) { wkd.fails(errSilent) }},
		{"pinned and gone", "alice@example.org", alice, func(wkd *provider) { wkd.fails(errNone) }},
		{"another one", "alice@example.org", alice, func(wkd *provider) { wkd.gives(generate(t, "alice@example.org", 0, 0).Cert()) }},
		{"expired and silent", "bob@example.org", bob, func(wkd *provider) { wkd.fails(errSilent) }},
		{"another mailbox of a domain that serves keys", "carol@example.org", alice, func(wkd *provider) { wkd.fails(errNoService) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for point, reached := int32(1), true; reached; point++ {
				if point > 40 {
					t.Fatal("a lookup looks at the clock again and again")
				}
				h := newHost(t)
				wkd := &provider{name: "wkd"}
				if tc.known != nil {
					wkd.gives(tc.known)
					h.directory(wkd).Lookup(t.Context(), tc.known.Addrs()[0])
					h.clock.advance(2 * day)
				}
				tc.answer(wkd)
				var looks atomic.Int32
				d := keys.NewDirectory(h.store, []keys.Source{keys.NewLocal(h.store, h.clock.Now), wkd}, keys.Options{Now: func() time.Time {
					if looks.Add(1) == point {
						h.store.Close()
					}
					return h.clock.Now()
				}})
				a := d.Lookup(t.Context(), addr(t, tc.address))
				switch reached = looks.Load() >= point; {
				case a.Status == keys.Found && (a.Cert == nil || tc.known != nil && !sameCert(a.Cert, tc.known)):
					t.Errorf("closed at %d: %s is used", point, fingerprint(a.Cert))
				case a.Status == keys.None, a.Status == keys.Unknown && !a.SeenBefore && !a.Announced:
					t.Errorf("closed at %d: leave for clear text: %+v", point, a)
				}
				h.store.Close()
			}
		})
	}
}

// TestUnreadableCertificate: what the store has and cannot be read may be the certificate that counts. An administrator
// takes it away and everything goes on.
func TestUnreadableCertificate(t *testing.T) {
	for _, source := range []string{"local", "wkd"} {
		t.Run(source, func(t *testing.T) {
			h := newHost(t)
			alice := generate(t, "alice@example.org", day, 0).Cert()
			wkd := &provider{name: "wkd"}
			wkd.gives(alice)
			if source == "local" {
				importOne(t, h.local, keys.ImportOptions{}, armored(t, alice))
			}
			d := h.directory(h.local, wkd)
			lookup := func(want keys.Status) {
				t.Helper()
				a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
				if a.Status != want || want == keys.Unknown && !a.SeenBefore {
					t.Errorf("%v, seen %t, why %q, trace %+v", a.Status, a.SeenBefore, a.Why, a.Trace)
				}
			}
			lookup(keys.Found)
			err := h.store.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
				return tx.PutCertificate(t.Context(), alice.Fingerprint(), []byte("garbage"), h.clock.Now())
			})
			if err != nil {
				t.Fatal(err)
			}
			lookup(keys.Unknown)
			h.clock.advance(2 * day)
			lookup(keys.Unknown)
			if err := h.local.Remove(t.Context(), alice.Fingerprint()); err != nil {
				t.Fatal(err)
			}
			h.clock.advance(2 * time.Minute)
			lookup(keys.Found)
		})
	}
}

// TestManyNewCorrespondents lets two processes meet many addresses for the first time, each of them both.
func TestManyNewCorrespondents(t *testing.T) {
	h := newHost(t)
	const count = 8
	providers := [2]*provider{{name: "wkd"}, {name: "wkd"}}
	var certs [2][count]*crypto.Cert
	for p := range providers {
		for i := range count {
			certs[p][i] = generate(t, fmt.Sprintf("user%d@example.org", i), day, 0).Cert()
		}
		providers[p].gives(certs[p][:]...)
	}
	type result struct {
		i    int
		cert string
	}
	results := make(chan result)
	for p := range providers {
		d := h.process(t).directory(providers[p])
		for i := range count {
			go func() {
				a := d.Lookup(t.Context(), addr(t, fmt.Sprintf("user%d@example.org", i)))
				results <- result{i, fingerprint(a.Cert)}
			}()
		}
	}
	used := map[int]map[string]bool{}
	for range 2 * count {
		r := <-results
		if used[r.i] == nil {
			used[r.i] = map[string]bool{}
		}
		used[r.i][r.cert] = true
	}
	for i := range count {
		pin, err := h.store.Pin(t.Context(), fmt.Sprintf("user%d@example.org", i))
		if err != nil || len(used[i]) != 1 || !used[i][pin.Fingerprint] {
			t.Errorf("user%d: used %v, pinned %s, %v", i, used[i], pin.Fingerprint, err)
		}
	}
}
