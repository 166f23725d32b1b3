package lab_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"sealmilter/internal/lab"
)

func TestSlapd(t *testing.T) {
	ctx := bounded(t)
	server, err := lab.StartSlapd(ctx, lab.SlapdConfig{
		Keys: []lab.SlapdKey{
			{CertID: "0123456789ABCDEF", UserIDs: []string{"Alice <alice@example.org>", "Jos\u00e9 <jose@example.org>"}, Key: []byte("a key")},
			{CertID: "0123456789ABCDE0", UserIDs: []string{"Bob <bob@example.org>"}, Key: []byte("b key"), Under: lab.SlapdSecret},
		},
		People:   []lab.SlapdPerson{{Name: "Carol", Mail: "carol@example.org", Cert: []byte{0, 1, 2}}},
		Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	count := func(base, filter, dn, password string) int {
		t.Helper()
		conn, err := ldap.DialURL("ldap://" + server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if dn != "" {
			if err := conn.Bind(dn, password); err != nil {
				t.Fatal(err)
			}
		}
		found, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, nil, nil))
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			t.Fatal(err)
		}
		return len(found.Entries)
	}
	for range 2 {
		for _, tc := range []struct {
			base, filter, dn, password string
			want                       int
		}{
			{lab.SlapdBase, "(pgpUserID=*<ALICE@example.org>*)", "", "", 1},
			{lab.SlapdBase, "(pgpUserID=*<jose@example.org>*)", "", "", 1},
			{lab.SlapdBase, "(pgpKey=*)", "", "", 1},
			{lab.SlapdPeople, "(mail=carol@example.org)", "", "", 1},
			{lab.SlapdSecret, "(pgpKey=*)", "", "", 0},
			{lab.SlapdSecret, "(pgpKey=*)", lab.SlapdBindDN, lab.SlapdPassword, 1},
		} {
			if got := count(tc.base, tc.filter, tc.dn, tc.password); got != tc.want {
				t.Errorf("%s under %s: %d entries, want %d", tc.filter, tc.base, got, tc.want)
			}
		}
		if err := server.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := ldap.DialURL("ldap://" + server.Addr); err == nil {
			t.Error("it still listens")
		}
		if err := server.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if log := server.Log(); strings.Count(log, "slapd starting") < 2 {
		t.Errorf("logged %s", log)
	}
}
