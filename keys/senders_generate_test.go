package keys_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealmilter/keys"
)

func TestGenerate(t *testing.T) {
	for _, passphrase := range [][]byte{nil, []byte("at rest")} {
		h := newHost(t)
		h.passphrase = passphrase
		made, err := h.senders.Generate(t.Context(), addr(t, "Alice@example.org"), keys.GenerateOptions{Name: "Alice A."})
		if err != nil {
			t.Fatal(err)
		}
		if made.Address != "alice@example.org" || made.Locked != (passphrase != nil) || !slices.Equal(made.Cert.UserIDs(), []string{"Alice A. <Alice@example.org>"}) {
			t.Errorf("%+v with %q", made, made.Cert.UserIDs())
		}
		if expiry, ok := made.Cert.Expires(noon); !ok || !expiry.Equal(noon.Add(keys.DefaultLifetime)) {
			t.Errorf("expires %t on %v", ok, expiry)
		}
		if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != made.Fingerprint || err != nil {
			t.Errorf("signs with %s, %v", fingerprint, err)
		}
		if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
			t.Errorf("%+v", a)
		}
		if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); !errors.Is(err, keys.ErrHasSecretKey) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestGenerateOnce has two processes make the first key of one sender in the same moment.
func TestGenerateOnce(t *testing.T) {
	a := newHost(t)
	b := a.process(t)
	var all sync.WaitGroup
	made := make(chan string, 4)
	for _, p := range []*host{a, a, b, b} {
		all.Go(func() {
			key, err := p.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{})
			switch {
			case err == nil:
				made <- key.Fingerprint
			case !errors.Is(err, keys.ErrHasSecretKey):
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(made)
	first, more := <-made, len(made)
	if fingerprint, err := b.signs(t, "alice@example.org"); fingerprint != first || more > 0 || err != nil {
		t.Errorf("%d more keys, signs with %s of %s, %v", more, fingerprint, first, err)
	}
	if files := a.secretFiles(t); files != 1 {
		t.Errorf("%d files", files)
	}
}

// TestGenerateInPlace replaces a key. The former one can still be had, and is used no more.
func TestGenerateInPlace(t *testing.T) {
	h := newHost(t)
	var prints []string
	for range 2 {
		key, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Replace: true})
		if err != nil {
			t.Fatal(err)
		}
		if prints = append(prints, key.Fingerprint); len(prints) == 1 && key.Former != "" || len(prints) == 2 && key.Former != prints[0] {
			t.Errorf("%+v after %q", key, prints)
		}
	}
	if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != prints[1] || err != nil {
		t.Errorf("signs with %s of %q, %v", fingerprint, prints, err)
	}
	if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found || a.Cert.Fingerprint() != prints[1] {
		t.Errorf("%+v", a)
	}
	if all, err := h.store.Conflicts(t.Context(), ""); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, fingerprint := range prints {
		var secret, revocation bytes.Buffer
		if err := errors.Join(h.senders.Export(t.Context(), &secret, fingerprint), h.senders.Revocation(t.Context(), &revocation, fingerprint)); err != nil ||
			!strings.Contains(secret.String(), "PRIVATE KEY") || revocation.Len() == 0 {
			t.Errorf("%s: %v", fingerprint, err)
		}
	}
}
