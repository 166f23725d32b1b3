package keys_test

import (
	"testing"

	"sealmilter/keys"
)

// TestKnownAddresses: the list says what lookups come to, without asking anybody or pinning anything.
func TestKnownAddresses(t *testing.T) {
	h := newHost(t)
	alice, bob := generate(t, "alice@example.org", 2*day, 0).Cert(), generate(t, "bob@example.org", 2*day, 3*day).Cert()
	wkd := &provider{name: "wkd"}
	wkd.gives(alice)
	asking := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, keys.Options{Now: h.clock.Now})
	if a := asking.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	importOne(t, h.local, keys.ImportOptions{}, bob.Bytes())
	d := keys.NewDirectory(h.store, []keys.Source{h.local}, keys.Options{Now: h.clock.Now, Peek: true})
	list := func(search string) []keys.Known {
		t.Helper()
		all, more, err := d.KnownAddresses(t.Context(), keys.AddressPage{Search: search, Limit: 10})
		if err != nil || more {
			t.Fatal(more, err)
		}
		return all
	}
	for range 2 {
		all := list("")
		if len(all) != 2 || all[0].Address != "alice@example.org" || !sameCert(all[0].Answer.Cert, alice) || all[0].Answer.Level != keys.ProviderTrust ||
			all[0].Pinned == nil || all[0].Pinned.Source != "wkd" || !sameCert(all[1].Answer.Cert, bob) || all[1].Pinned != nil {
			t.Errorf("%+v", all)
		}
	}
	h.clock.advance(2 * day)
	if all := list("BOB@"); len(all) != 1 || all[0].Answer.Status != keys.None || all[0].Answer.Why == "" {
		t.Errorf("after its end: %+v", all)
	}
	if n, err := d.CountAddresses(t.Context()); n != 2 || err != nil {
		t.Error(n, err)
	}
	if known, err := d.KnownAddress(t.Context(), "carol@example.org"); err != nil || known.Answer.Status != keys.None || known.Pinned != nil {
		t.Errorf("%+v, %v", known, err)
	}
	if _, err := d.KnownAddress(t.Context(), "no address"); err == nil {
		t.Error("that is no address")
	}
}
