package keys_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

var _ keys.FingerprintSource = (*keys.LDAP)(nil)

// ldapKey returns the entry of a certificate with these User IDs.
func ldapKey(t testing.TB, cert *crypto.Cert, userIDs ...string) lab.SlapdKey {
	t.Helper()
	f := cert.Fingerprint()
	return lab.SlapdKey{CertID: f[len(f)-16:], Fingerprint: f, UserIDs: userIDs, Key: armored(t, cert)}
}

func startSlapd(t *testing.T, config lab.SlapdConfig) *lab.Slapd {
	t.Helper()
	config.Progress = t.Output()
	server, err := lab.StartSlapd(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Log())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func newLDAP(t *testing.T, options keys.LDAPOptions) *keys.LDAP {
	t.Helper()
	if options.Base == "" {
		options.Base = lab.SlapdBase
	}
	source, err := keys.NewLDAP(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}

func TestLDAPLookup(t *testing.T) {
	fresh := func() *crypto.Cert { return generate(t, "alice@example.org", 0, 0).Cert() }
	alice, second, binary, bare, idn, quoted, off, people := fresh(), fresh(), fresh(), fresh(), fresh(), fresh(), fresh(), fresh()
	keyID := 0
	entry := func(key []byte, userIDs ...string) lab.SlapdKey {
		keyID++
		return lab.SlapdKey{CertID: fmt.Sprintf("%016X", keyID), UserIDs: userIDs, Key: key}
	}
	config := lab.SlapdConfig{
		Keys: []lab.SlapdKey{
			ldapKey(t, alice, "Alice <alice@example.org>", "Alice (office) <office@example.org>"),
			ldapKey(t, second, "Alice again <ALICE@Example.org>"),
			entry(binary.Bytes(), "Bob <bob@example.org>"),
			ldapKey(t, bare, "bare@example.org"),
			ldapKey(t, idn, "Jürgen <juergen@bücher.example>"),
			ldapKey(t, quoted, `Q <"a*b)(c"@example.org>`, `R <p%s@example.org>`),
			entry([]byte("this is no key"), "Gar Bage <garbage@example.org>"),
			entry([]byte("this is no key"), "Mix <mixed@example.org>"),
			entry(armored(t, people), "Mix <mixed@example.org>"),
			entry(armored(t, generate(t, "secret@example.org", 0, 0)), "Secret <secret@example.org>"),
			entry(bytes.Repeat([]byte("0123456789abcdef"), 17<<10), "Big <big@example.org>"),
		},
		People: []lab.SlapdPerson{{Name: "Carol", Mail: "carol@example.org", Cert: people.Bytes()}, {Name: "Dave", Mail: "dave@example.org", Cert: []byte{0}}},
	}
	disabled := ldapKey(t, off, "Off <off@example.org>")
	disabled.Disabled = true
	config.Keys = append(config.Keys, disabled)
	for range 17 {
		config.Keys = append(config.Keys, entry(armored(t, alice), "Many <many@example.org>"))
	}
	hidden := ldapKey(t, off, "Hidden <hidden@example.org>")
	hidden.Under = lab.SlapdSecret
	config.Keys = append(config.Keys, hidden)
	server := startSlapd(t, config)

	plain := keys.LDAPOptions{URL: "ldap://" + server.Addr}
	with := func(change func(*keys.LDAPOptions)) *keys.LDAP {
		options := plain
		change(&options)
		return newLDAP(t, options)
	}
	usual := newLDAP(t, plain)
	mailFilter := with(func(o *keys.LDAPOptions) {
		o.Base, o.Filter, o.Attribute = lab.SlapdPeople, "(&(objectClass=person)(mail=%s))", "userPGPCertificate"
	})
	anonymous := with(func(o *keys.LDAPOptions) { o.Base = lab.SlapdSecret })
	login := with(func(o *keys.LDAPOptions) {
		o.Base, o.BindDN, o.Password = lab.SlapdSecret, lab.SlapdBindDN, lab.SlapdPassword
	})
	wrongLogin := with(func(o *keys.LDAPOptions) { o.BindDN, o.Password = lab.SlapdBindDN, "guess" })
	referred := with(func(o *keys.LDAPOptions) { o.Base = lab.SlapdReferral })
	above := with(func(o *keys.LDAPOptions) { o.Base = "dc=lab,dc=example" })
	nowhere := with(func(o *keys.LDAPOptions) { o.Base = "ou=Nowhere,dc=lab,dc=example" })
	for _, tc := range []struct {
		source  *keys.LDAP
		address string
		kind    string
		text    string
		certs   []*crypto.Cert
	}{
		{usual, "alice@example.org", "found", "", []*crypto.Cert{alice, second}},
		{usual, "Alice@EXAMPLE.org", "found", "", []*crypto.Cert{alice, second}},
		{usual, "office@example.org", "found", "", []*crypto.Cert{alice}},
		{usual, "bob@example.org", "found", "", []*crypto.Cert{binary}},
		{usual, "bare@example.org", "found", "", []*crypto.Cert{bare}},
		{usual, "juergen@bücher.example", "found", "", []*crypto.Cert{idn}},
		{usual, "juergen@xn--bcher-kva.example", "found", "", []*crypto.Cert{idn}},
		{usual, `"a*b)(c"@example.org`, "found", "", []*crypto.Cert{quoted}},
		{usual, "p%s@example.org", "found", "", []*crypto.Cert{quoted}},
		{usual, "mixed@example.org", "found", "", []*crypto.Cert{people}},
		{mailFilter, "carol@example.org", "found", "", []*crypto.Cert{people}},
		{login, "hidden@example.org", "found", "", []*crypto.Cert{off}},

		{usual, "nobody@example.org", "none", "no certificate", nil},
		{usual, "lice@example.org", "none", "", nil},
		{usual, "alice@example.or", "none", "", nil},
		{usual, "off@example.org", "none", "", nil},
		{usual, "*@example.org", "none", "", nil},
		{usual, `"*"@example.org`, "none", "", nil},
		{usual, `"*)(pgpUserID=*"@example.org`, "none", "", nil},
		{usual, `"x>*)(|(objectClass=*"@example.org`, "none", "", nil},
		{usual, `"\\2a"@example.org`, "none", "", nil},
		{usual, "root", "none", "", nil},
		{mailFilter, "*@example.org", "none", "", nil},
		{mailFilter, "alice@example.org", "none", "", nil},
		{anonymous, "hidden@example.org", "unknown", "No Such Object", nil},

		{usual, "garbage@example.org", "unknown", "cannot be read", nil},
		{mailFilter, "dave@example.org", "unknown", "cannot be read", nil},
		{usual, "secret@example.org", "unknown", "no certificate", nil},
		{usual, "big@example.org", "unknown", "octets", nil},
		{usual, "many@example.org", "unknown", "Size Limit", nil},
		{wrongLogin, "alice@example.org", "unknown", "log in", nil},
		{referred, "alice@example.org", "unknown", "Referral", nil},
		{above, "nobody@example.org", "unknown", "refers to another one", nil},
		{above, "office@example.org", "found", "", []*crypto.Cert{alice}},
		{nowhere, "alice@example.org", "unknown", "No Such Object", nil},
	} {
		certs, err := tc.source.Lookup(t.Context(), addr(t, tc.address))
		if kind := meaning(err); kind != tc.kind || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %s: %v, want %s: %s", tc.address, kind, err, tc.kind, tc.text)
		}
		if fingerprints(certs) != fingerprints(tc.certs) {
			t.Errorf("%s: %q, want %q", tc.address, fingerprints(certs), fingerprints(tc.certs))
		}
	}
	if strings.Count(server.Log(), "ACCEPT from") > 20 {
		t.Errorf("connections are not kept: %s", server.Log())
	}
}

func TestLDAPLookupFingerprint(t *testing.T) {
	alice, bob, carol := generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "bob@example.org", 0, 0).Cert(), generate(t, "carol@example.org", 0, 0).Cert()
	onlyKeyID := ldapKey(t, bob, "Bob <bob@example.org>")
	onlyKeyID.Fingerprint = ""
	collision := ldapKey(t, carol, "Carol <carol@example.org>")
	collision.CertID, collision.Fingerprint = strings.Repeat("AB", 8), ""
	garbage := lab.SlapdKey{CertID: strings.Repeat("CD", 8), UserIDs: []string{"D <d@example.org>"}, Key: []byte("this is no key")}
	server := startSlapd(t, lab.SlapdConfig{
		Keys:   []lab.SlapdKey{ldapKey(t, alice, "Alice <alice@example.org>"), onlyKeyID, collision, garbage},
		People: []lab.SlapdPerson{{Name: "Carol", Mail: "carol@example.org", Cert: carol.Bytes()}},
	})
	usual := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + server.Addr})
	custom := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + server.Addr, Filter: "(mail=%s)"})
	byKeyID := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + server.Addr, Filter: "(mail=%s)", FingerprintFilter: "(pgpCertID=%k)"})
	for _, tc := range []struct {
		source      *keys.LDAP
		fingerprint string
		kind        string
		text        string
		want        *crypto.Cert
	}{
		{usual, alice.Fingerprint(), "found", "", alice},
		{usual, bob.Fingerprint(), "found", "", bob},
		{byKeyID, alice.Fingerprint(), "found", "", alice},
		{usual, strings.Repeat("0", 40), "none", "no certificate", nil},
		{usual, strings.Repeat("0", 64), "none", "no certificate", nil},
		{usual, strings.Repeat("0", 24) + strings.Repeat("AB", 8), "none", "same key ID", nil},
		{usual, strings.Repeat("AB", 8) + strings.Repeat("0", 48), "none", "same key ID", nil}, // version 6: the key ID comes first
		{usual, strings.Repeat("0", 48) + strings.Repeat("AB", 8), "none", "no certificate", nil},
		{usual, strings.Repeat("0", 24) + strings.Repeat("CD", 8), "unknown", "cannot be read", nil},
		{usual, "*", "unknown", "not a fingerprint", nil},
		{custom, alice.Fingerprint(), "unknown", "no filter", nil},
	} {
		ring, err := tc.source.LookupFingerprint(t.Context(), tc.fingerprint)
		if kind := meaning(err); kind != tc.kind || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %s: %v, want %s: %s", tc.fingerprint, kind, err, tc.kind, tc.text)
			continue
		}
		if tc.want == nil {
			continue
		}
		read, err := crypto.ReadKeyring(bytes.NewReader(ring))
		if err != nil || fingerprints(read.Certs) != fingerprints([]*crypto.Cert{tc.want}) {
			t.Errorf("%s: %q, %v", tc.fingerprint, fingerprints(read.Certs), err)
		}
	}
	if _, err := custom.LookupFingerprint(t.Context(), alice.Fingerprint()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a filter for fingerprints: %v", err)
	}
	if strings.Contains(server.Log(), "pgpUserID=") {
		t.Errorf("asked for an address: %s", server.Log())
	}
}

// farAway makes a connection look as if its other end were not on this host.
type farAway struct{ net.Conn }

func (farAway) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 389} }

func TestLDAPOverTLS(t *testing.T) {
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	server := startSlapd(t, lab.SlapdConfig{Keys: []lab.SlapdKey{ldapKey(t, alice, "Alice <alice@example.org>")}})
	_, plainPort, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	_, tlsPort, err := net.SplitHostPort(server.TLSAddr)
	if err != nil {
		t.Fatal(err)
	}
	remote := func(ctx context.Context, _, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
		return farAway{conn}, err
	}
	for _, tc := range []struct {
		name     string
		url      string
		roots    *x509.CertPool
		startTLS bool
		want     string
	}{
		{"TLS", "ldaps://127.0.0.1:" + tlsPort, server.Roots, false, "found"},
		{"TLS by name", "ldaps://" + lab.SlapdServerName + ":" + tlsPort, server.Roots, false, "found"},
		{"StartTLS, because it is far", "ldap://" + lab.SlapdServerName + ":" + plainPort, server.Roots, false, "found"},
		{"TLS, wrong name", "ldaps://localhost.example:" + tlsPort, server.Roots, false, "unknown"},
		{"TLS, unknown authority", "ldaps://127.0.0.1:" + tlsPort, nil, false, "unknown"},
		{"StartTLS, wrong name", "ldap://localhost.example:" + plainPort, server.Roots, false, "unknown"},
		{"StartTLS, unknown authority", "ldap://127.0.0.1:" + plainPort, nil, false, "unknown"},
		{"TLS on the plain port", "ldaps://127.0.0.1:" + plainPort, server.Roots, false, "unknown"},
	} {
		source := newLDAP(t, keys.LDAPOptions{URL: tc.url, RootCAs: tc.roots, StartTLS: tc.startTLS, Dial: remote,
			BindDN: lab.SlapdBindDN, Password: lab.SlapdPassword})
		for range 2 {
			_, err := source.Lookup(t.Context(), addr(t, "alice@example.org"))
			if kind := meaning(err); kind != tc.want {
				t.Errorf("%s: %s: %v, want %s", tc.name, kind, err, tc.want)
			}
		}
	}
	near := newLDAP(t, keys.LDAPOptions{URL: "ldap://127.0.0.1:" + plainPort, RootCAs: server.Roots, StartTLS: true})
	if _, err := near.Lookup(t.Context(), addr(t, "alice@example.org")); err != nil {
		t.Error(err)
	}
	// The password and the names of correspondents never travelled in the clear.
	if log := server.Log(); strings.Count(log, "STARTTLS") < 3 || strings.Contains(log, "mech=SIMPLE bind_ssf=0 ssf=0") || !strings.Contains(log, "mech=SIMPLE") {
		t.Errorf("logged %s", log)
	}
}

// TestLDAPDialErrorIsNoAnswer has the hook that connects say what another source would take for a definite answer.
func TestLDAPDialErrorIsNoAnswer(t *testing.T) {
	for _, err := range []error{keys.ErrNoService, keys.ErrNotFound, &net.DNSError{IsNotFound: true}} {
		source := newLDAP(t, keys.LDAPOptions{URL: "ldaps://ldap.example", Dial: func(context.Context, string, string) (net.Conn, error) { return nil, err }})
		if _, err := source.Lookup(t.Context(), addr(t, "alice@example.org")); meaning(err) != "unknown" {
			t.Error(err)
		}
	}
}

func TestNewLDAPRefuses(t *testing.T) {
	good := keys.LDAPOptions{URL: "ldaps://ldap.example", Base: "ou=PGP Keys,dc=example,dc=org"}
	for want, change := range map[string]func(*keys.LDAPOptions){
		"must begin with ldaps://":     func(o *keys.LDAPOptions) { o.URL = "http://ldap.example" },
		"must begin with ldaps:// or":  func(o *keys.LDAPOptions) { o.URL = "" },
		"names no host":                func(o *keys.LDAPOptions) { o.URL = "ldaps://:636" },
		"nothing but a host":           func(o *keys.LDAPOptions) { o.URL = "ldaps://ldap.example/dc=example" },
		"nothing but a host and":       func(o *keys.LDAPOptions) { o.URL = "ldaps://me:secret@ldap.example" },
		"LDAP URL":                     func(o *keys.LDAPOptions) { o.URL = "ldaps://a b" },
		"must be a distinguished name": func(o *keys.LDAPOptions) { o.Base = "" },
		"a distinguished name, such":   func(o *keys.LDAPOptions) { o.Base = "PGP Keys" },
		"both a name and a password":   func(o *keys.LDAPOptions) { o.BindDN = "cn=reader" },
		"a name and a password":        func(o *keys.LDAPOptions) { o.Password = "secret" },
		"it has no %s":                 func(o *keys.LDAPOptions) { o.Filter = "(mail=alice@example.org)" },
		`LDAP filter "(mail=%s"`:       func(o *keys.LDAPOptions) { o.Filter = "(mail=%s" },
		"it has no %s for":             func(o *keys.LDAPOptions) { o.FingerprintFilter = "(pgpCertID=1)" },
	} {
		options := good
		change(&options)
		if _, err := keys.NewLDAP(options); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if source, err := keys.NewLDAP(good); err != nil || source.Name() != "ldap" {
		t.Error(err)
	}
}

// FuzzLDAPFilter asks that no address changes what a filter means.
func FuzzLDAPFilter(f *testing.F) {
	for _, s := range []string{"alice@example.org", "*@example.org", `"*)(objectClass=*"@example.org`, `"\\2a"@example.org`, "%s%k@example.org", "j@bücher.example"} {
		f.Add(s)
	}
	fingerprint := strings.Repeat("0123456789ABCDEF", 3)[:40]
	f.Fuzz(func(t *testing.T, text string) {
		a, err := mail.ParseAddr(text)
		if err != nil {
			return
		}
		filter, byFingerprint := keys.LDAPFilters(a, fingerprint)
		plain, _ := keys.LDAPFilters(addr(t, "alice@example.org"), fingerprint)
		one := shape(t, plain)
		either := fmt.Sprintf("(%d[%s%s])", ldap.FilterOr, one, one)
		if got := shape(t, filter); got != one && got != either {
			t.Errorf("%q became %s with the shape %s", text, filter, got)
		}
		if strings.Contains(byFingerprint, "%") {
			t.Errorf("filter %s", byFingerprint)
		}
	})
}

// shape is the structure of a filter without its values.
func shape(t *testing.T, filter string) string {
	t.Helper()
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	var write func(p *ber.Packet) string
	write = func(p *ber.Packet) string {
		s := fmt.Sprintf("(%d[", p.Tag)
		for _, child := range p.Children {
			s += write(child)
		}
		return s + "])"
	}
	return write(packet)
}
