package crypto_test

import (
	"slices"
	"strings"
	"testing"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

func TestAddrs(t *testing.T) {
	for _, tc := range []struct{ id, addr string }{
		{"Alice <alice@example.org>", "alice@example.org"},
		{"alice@example.org", "alice@example.org"},
		{"<alice@example.org>", "alice@example.org"},
		{`Alice (work) <"al ice"@example.org>`, `"al ice"@example.org`},
		{"alice@example.org <alice@example.org>", "alice@example.org"},
		{"bank@example.com <mallory@example.org>", "mallory@example.org"},
		{"Jörg <jörg@bücher.example>", "jörg@bücher.example"},
		{"Alice", ""},
		{"", ""},
		{"Alice alice@example.org", ""},
		{"Alice <alice@example.org> Smith", ""},
		{"Alice <alice@example.org", ""},
		{"Alice alice@example.org>", ""},
		{"<alice@example.org> <bob@example.org>", ""},
		{"Alice <<alice@example.org>>", ""},
		{"Alice <alice@example.org,bob@example.org>", ""},
		{"alice@example.org@example.com", ""},
		{"Alice <alice@bob@example.org>", ""},
		{"Alice <alice@example.org\x00>", ""},
		{"Ali\nce <alice@example.org>", ""},
		{"Ali\x1bce <alice@example.org>", ""},
		{"Ali\xffce <alice@example.org>", ""},
		{"Alice <alice@example.org >", ""},
	} {
		e := newEntity(t, at(now.Add(-day)))
		delete(e.Identities, "Test <test@example.org>")
		e.Identities = map[string]*openpgp.Identity{"": newEntity(t, at(now.Add(-day))).Identities["Test <test@example.org>"]}
		addUserID(t, e, tc.id)
		if tc.id != "" {
			delete(e.Identities, "")
		}
		var got []string
		for _, a := range cert(t, e).Addrs() {
			got = append(got, a.String())
		}
		if strings.Join(got, "|") != tc.addr {
			t.Errorf("%q: %q, want %q", tc.id, got, tc.addr)
		}
	}
}

// TestOnlySignedUserIDsCount adds User IDs to a certificate that its owner has not signed, or has withdrawn.
func TestOnlySignedUserIDsCount(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day)))
	addUserID(t, e, "second@example.org")
	addUserID(t, e, "withdrawn@example.org")
	revokeUserID(t, e, "withdrawn@example.org", now)
	addUserID(t, e, "stolen@example.org")
	other := newEntity(t, at(now.Add(-day)))
	if err := e.SignIdentity("second@example.org", other, at(now)); err != nil {
		t.Fatal(err)
	}
	sig := *e.Identities["stolen@example.org"].SelfCertifications[0].Packet
	if err := sig.SignUserId("another@example.org", e.PrimaryKey, e.PrivateKey, at(now)); err != nil {
		t.Fatal(err)
	}
	e.Identities["stolen@example.org"].SelfCertifications[0].Packet = &sig
	c := cert(t, e)
	var got []string
	for _, a := range c.Addrs() {
		got = append(got, a.String())
	}
	slices.Sort(got)
	if want := []string{"second@example.org", "test@example.org"}; !slices.Equal(got, want) {
		t.Errorf("addresses %q, want %q", got, want)
	}
	ids := c.UserIDs()
	slices.Sort(ids)
	if want := []string{"Test <test@example.org>", "second@example.org"}; !slices.Equal(ids, want) {
		t.Errorf("User IDs %q, want %q", ids, want)
	}
}

func TestUserIDsPrint(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	addUserID(t, e, "\x1b[2J\xff\u202e")
	if got := cert(t, e).UserIDs(); !slices.Contains(got, "\ufffd[2J\ufffd\ufffd") {
		t.Errorf("User IDs %q", got)
	}
}
