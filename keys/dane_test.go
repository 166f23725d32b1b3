package keys_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

var _ keys.DomainSource = (*keys.DANE)(nil)

// zoneRecord returns the record for an address, which need not be one that the certificate names.
func zoneRecord(t testing.TB, address string, cert *crypto.Cert) keys.ZoneRecord {
	t.Helper()
	record, err := keys.DANERecord(addr(t, address), cert)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// openPGPKey is a record for [lab.DNSName].
func openPGPKey(data []byte) string { return "OPENPGPKEY " + base64.StdEncoding.EncodeToString(data) }

func TestDANELookup(t *testing.T) {
	server := startDNS(t)
	alice, second := generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "alice@example.org", 0, 0).Cert()
	good := openPGPKey(alice.Bytes())
	var many, big []*crypto.Cert
	for range 4 {
		many = append(many, generate(t, "alice@example.org", 0, 0).Cert())
	}
	for range 100 {
		big = append(big, alice)
	}
	// One record of each, in the order of writing.
	publish := func(address string, known lab.DNSName, certs ...*crypto.Cert) {
		t.Helper()
		for _, cert := range certs {
			known.Records = append(known.Records, openPGPKey(cert.Bytes()))
		}
		know(t, server, zoneRecord(t, address, alice).Owner, known)
	}
	publish("alice@example.org", lab.DNSName{}, alice)
	publish("two@example.org", lab.DNSName{}, alice, second)
	publish("many@example.org", lab.DNSName{}, many...) // more than UDP takes
	publish("Case@example.org", lab.DNSName{}, alice)
	publish("case@example.org", lab.DNSName{}, second)
	publish("lower@example.org", lab.DNSName{}, alice)
	publish("josé@example.org", lab.DNSName{}, alice)
	publish("ÉMILE@example.org", lab.DNSName{}, alice)
	publish(`"a b"@example.org`, lab.DNSName{}, alice)
	publish("truncated@example.org", lab.DNSName{Fault: lab.DNSTruncated}, alice)
	publish("strays@example.org", lab.DNSName{Fault: lab.DNSStrays}, alice)
	publish("other@example.org", records("TXT hello"))
	publish("garbage@example.org", records("OPENPGPKEY aGVsbG8gd29ybGQ="))
	publish("armored@example.org", records(openPGPKey(armored(t, alice))))
	publish("cut@example.org", records(openPGPKey(alice.Bytes()[:60])))
	publish("mixed@example.org", records("OPENPGPKEY aGVsbG8gd29ybGQ="), alice)
	publish("servfail@example.org", lab.DNSName{Fault: lab.DNSServFail}, alice)
	publish("bogus@example.org", lab.DNSName{Fault: lab.DNSBogus}, alice)
	publish("refused@example.org", lab.DNSName{Fault: lab.DNSRefused}, alice)
	publish("silent@example.org", lab.DNSName{Fault: lab.DNSSilent}, alice)
	publish("forged@example.org", lab.DNSName{Insecure: true}, alice)
	publish("nodata@insecure.example", lab.DNSName{Insecure: true})
	publish("nodomain@insecure.example", lab.DNSName{Insecure: true, Fault: lab.DNSNoSuchName})
	publish("Half@insecure.example", lab.DNSName{Insecure: true})
	publish("half@insecure.example", lab.DNSName{}, alice)
	publish("Halt@insecure.example", lab.DNSName{})
	publish("halt@insecure.example", lab.DNSName{Insecure: true}, alice)
	publish("Broken@example.org", lab.DNSName{Fault: lab.DNSServFail})
	publish("broken@example.org", lab.DNSName{}, alice)
	publish("alias@example.org", records("CNAME key.elsewhere.example."))
	publish("handed@example.org", lab.DNSName{Records: []string{"CNAME key.elsewhere.example."}, Unresolved: true})
	publish("unsafe@example.org", records("CNAME key.insecure.example."))
	publish("unsafe2@example.org", lab.DNSName{Records: []string{"CNAME key.insecure.example."}, Unresolved: true})
	publish("nowhere@example.org", records("CNAME nowhere.example."))
	publish("circle@example.org", records("CNAME "+zoneRecord(t, "circle@example.org", alice).Owner))
	know(t, server, "key.elsewhere.example", records(good))
	know(t, server, "key.insecure.example", lab.DNSName{Records: []string{good}, Insecure: true})

	source := keys.NewDANE(newResolver(t, server.Addr, keys.ResolverOptions{Retry: impatient / 2}))
	for _, tc := range []struct {
		address string
		kind    string
		text    string
		certs   []*crypto.Cert
	}{
		{"alice@example.org", "found", "", []*crypto.Cert{alice}},
		{"two@EXAMPLE.org", "found", "", []*crypto.Cert{alice, second}},
		{"many@example.org", "found", "", many},
		{"Case@example.org", "found", "", []*crypto.Cert{alice}},
		{"case@example.org", "found", "", []*crypto.Cert{second}},
		{"cASE@example.org", "found", "", []*crypto.Cert{second}},
		{"LOWER@example.org", "found", "", []*crypto.Cert{alice}},
		{"jose\u0301@example.org", "found", "", []*crypto.Cert{alice}}, // normalization form D
		{"E\u0301MILE@example.org", "found", "", []*crypto.Cert{alice}},
		{"JOSÉ@example.org", "found", "", []*crypto.Cert{alice}},
		{`"a b"@example.org`, "found", "", []*crypto.Cert{alice}},
		{`"a\ b"@example.org`, "found", "", []*crypto.Cert{alice}},
		{"truncated@example.org", "found", "", []*crypto.Cert{alice}},
		{"strays@example.org", "found", "", []*crypto.Cert{alice}},
		{"mixed@example.org", "found", "", []*crypto.Cert{alice}},
		{"alias@example.org", "found", "", []*crypto.Cert{alice}},
		{"handed@example.org", "found", "", []*crypto.Cert{alice}},
		{"half@insecure.example", "found", "", []*crypto.Cert{alice}},
		{"Half@insecure.example", "found", "", []*crypto.Cert{alice}},

		{"nobody@example.org", "none", "no OPENPGPKEY record", nil},
		{"other@example.org", "none", "no OPENPGPKEY record", nil},
		{"nowhere@example.org", "none", "no OPENPGPKEY record", nil},
		{"alice@nowhere.example", "none", "no OPENPGPKEY record", nil},
		{"Halt@insecure.example", "none", "no OPENPGPKEY record", nil},
		{"root", "none", "", nil},
		{"alice@[192.0.2.1]", "none", "", nil},

		{"forged@example.org", "no service", "not signed", nil},
		{"nodata@insecure.example", "no service", "not signed", nil},
		{"nodomain@insecure.example", "no service", "not signed", nil},
		{"unsafe@example.org", "no service", "not signed", nil},
		{"unsafe2@example.org", "no service", "not signed", nil},
		{"alice@" + strings.Repeat("a23456789.", 19) + "example", "no service", "too long", nil},

		{"garbage@example.org", "unknown", "cannot be read", nil},
		{"armored@example.org", "unknown", "cannot be read", nil},
		{"cut@example.org", "unknown", "cannot be read", nil},
		{"servfail@example.org", "unknown", "SERVFAIL", nil},
		{"bogus@example.org", "unknown", "DNSSEC Bogus", nil},
		{"refused@example.org", "unknown", "REFUSED", nil},
		{"silent@example.org", "unknown", "in time", nil},
		{"Broken@example.org", "unknown", "SERVFAIL", nil},
		{"circle@example.org", "unknown", "circles", nil},
	} {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if strings.HasPrefix(tc.address, "silent") {
			ctx, cancel = context.WithTimeout(ctx, impatient)
		}
		certs, err := source.Lookup(ctx, addr(t, tc.address))
		cancel()
		if kind := meaning(err); kind != tc.kind || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %s: %v, want %s: %s", tc.address, kind, err, tc.kind, tc.text)
		}
		if fingerprints(certs) != fingerprints(tc.certs) {
			t.Errorf("%s: %q, want %q", tc.address, fingerprints(certs), fingerprints(tc.certs))
		}
	}
	if count := server.Count(".", "SOA"); count != 1 {
		t.Errorf("asked %d times whether the resolver validates", count)
	}

	publish("big@example.org", lab.DNSName{}, big...)
	if certs, err := source.Lookup(t.Context(), addr(t, "big@example.org")); err != nil || len(certs) == 0 {
		t.Errorf("a large answer: %d certificates, %v", len(certs), err)
	}
}

// TestDANEWithoutProof asks resolvers whose word on DNSSEC is worth nothing. An unsigned zone and a resolver that does
// not validate look the same, but only one of them has no key.
func TestDANEWithoutProof(t *testing.T) {
	server := startDNS(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	record := zoneRecord(t, "alice@example.org", alice)
	know(t, server, record.Owner, lab.DNSName{Records: []string{openPGPKey(record.RDATA)}, Insecure: true})
	ask := func(source *keys.DANE, want string) {
		t.Helper()
		certs, err := source.Lookup(t.Context(), addr(t, "alice@example.org"))
		if len(certs) > 0 || meaning(err) != "unknown" || !strings.Contains(err.Error(), want) {
			t.Errorf("%d certificates, %v, want %q", len(certs), err, want)
		}
		if announced, err := source.Announces(t.Context(), "example.org"); announced || err == nil {
			t.Errorf("announced %t, %v", announced, err)
		}
	}
	ask(keys.NewDANE(newResolver(t, "192.0.2.53", keys.ResolverOptions{})), "configure a validating resolver")

	know(t, server, "_openpgpkey.example.org", lab.DNSName{Insecure: true})
	source := keys.NewDANE(newResolver(t, server.Addr, keys.ResolverOptions{}))
	know(t, server, ".", lab.DNSName{Records: []string{soa}, Insecure: true})
	ask(source, "does not validate DNSSEC")
	// What systemd-resolved says while it reaches no server.
	know(t, server, ".", lab.DNSName{})
	ask(source, "knows nothing of the root zone")
	know(t, server, ".", lab.DNSName{Fault: lab.DNSServFail})
	ask(source, "whether the resolver validates")
	know(t, server, ".", records(soa))
	if _, err := source.Lookup(t.Context(), addr(t, "alice@example.org")); meaning(err) != "no service" {
		t.Errorf("with a resolver that validates: %v", err)
	}

	closed := labtest.Reserve(t)
	ask(keys.NewDANE(newResolver(t, closed, keys.ResolverOptions{})), "refused")
	ask(keys.NewDANE(newResolver(t, "tls://"+server.TLSAddr, keys.ResolverOptions{})), "certificate")
}

func TestDANEAnnounces(t *testing.T) {
	server := startDNS(t)
	know(t, server, "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._openpgpkey.example.com", records())
	know(t, server, "_openpgpkey.unsigned.example", lab.DNSName{Insecure: true})
	know(t, server, "_openpgpkey.denied.example", lab.DNSName{Insecure: true, Fault: lab.DNSNoSuchName})
	know(t, server, "_openpgpkey.servfail.example", lab.DNSName{Fault: lab.DNSServFail})
	know(t, server, "_openpgpkey.refused.example", lab.DNSName{Fault: lab.DNSRefused})
	source := keys.NewDANE(newResolver(t, "tls://"+server.TLSAddr, keys.ResolverOptions{RootCAs: server.Roots}))
	for domain, want := range map[string]string{
		"example.com":      "true <nil>",
		"nowhere.example":  "false <nil>",
		"unsigned.example": "false <nil>",
		"denied.example":   "false <nil>",
		"servfail.example": "false ask",
		"refused.example":  "false ask",
	} {
		announced, err := source.Announces(t.Context(), domain)
		if got := fmt.Sprintf("%t %v", announced, err); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

// TestDANEInDirectory has the directory decide by what DANE says.
func TestDANEInDirectory(t *testing.T) {
	server := startDNS(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	know(t, server, zoneRecord(t, "alice@example.org", alice).Owner, records(openPGPKey(alice.Bytes())))
	know(t, server, zoneRecord(t, "mallory@example.org", alice).Owner, records(openPGPKey(alice.Bytes())))
	know(t, server, zoneRecord(t, "bogus@example.org", alice).Owner, lab.DNSName{Fault: lab.DNSBogus})
	d := newHost(t).directory(keys.NewDANE(newResolver(t, server.Addr, keys.ResolverOptions{})))
	for address, want := range map[string]keys.Status{
		"alice@example.org": keys.Found, "Alice+tag@example.org": keys.Found, "bob@example.org": keys.None,
		"mallory@example.org": keys.None, "bogus@example.org": keys.Unknown,
	} {
		if a := d.Lookup(t.Context(), addr(t, address)); a.Status != want || a.Status == keys.Found && a.Source != "dane" {
			t.Errorf("%s: %+v, want %v", address, a, want)
		}
	}
}

func TestDANERecord(t *testing.T) {
	cert := generate(t, "hugh@example.com", 0, 0).Cert()
	record := zoneRecord(t, "hugh@example.com", cert)
	// RFC 7929, section 5.
	if want := "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._openpgpkey.example.com."; record.Owner != want {
		t.Errorf("owner %s, want %s", record.Owner, want)
	}
	for _, text := range []string{record.Native(), record.Generic()} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		parsed, ok := rr.(*dns.OPENPGPKEY)
		if !ok || parsed.Hdr.Name != record.Owner || parsed.PublicKey != base64.StdEncoding.EncodeToString(cert.Bytes()) {
			t.Errorf("%s was read as %v", text, rr)
		}
		for line := range strings.Lines(text) {
			if len(line) > 120 {
				t.Errorf("a line of %d characters", len(line))
			}
		}
	}
	for address, want := range map[string]string{
		"root": "no domain", "alice@[192.0.2.1]": "no domain", "alice@" + strings.Repeat("a23456789.", 19) + "example": "too long",
	} {
		if _, err := keys.DANERecord(addr(t, address), cert); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

// TestDANERecordAsGnuPGMakesIt compares with what gpg exports for a zone.
func TestDANERecordAsGnuPGMakesIt(t *testing.T) {
	gpg, err := lab.NewGPG(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	defer gpg.Close()
	const address = "greta.o'hara+x@example.org"
	if _, err := gpg.Generate(t.Context(), "Greta <"+address+">", ""); err != nil {
		t.Fatal(err)
	}
	exported, err := gpg.Run(t.Context(), nil, "--export-options", "export-dane", "--export", address)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := gpg.Run(t.Context(), nil, "--export-options", "export-minimal", "--export", address)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := crypto.ParseCert(binary)
	if err != nil {
		t.Fatal(err)
	}
	record := zoneRecord(t, address, cert)
	label, _, _ := strings.Cut(record.Owner, ".")
	found := regexp.MustCompile(`(?s)` + label + `\s+TYPE61\s+\\#\s+(\d+)\s+\(([0-9a-fA-F\s]*)\)`).FindSubmatch(exported)
	if found == nil || !bytes.Contains(exported, []byte("$ORIGIN "+strings.TrimPrefix(record.Owner, label+"."))) {
		t.Fatalf("gpg exports\n%s\nwant the owner %s", exported, record.Owner)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(found[2])), ""))
	if err != nil {
		t.Fatal(err)
	}
	// gpg writes its packets with the old format of their headers.
	same, err := crypto.ParseCert(data)
	if err != nil || !bytes.Equal(same.Bytes(), record.RDATA) || string(found[1]) != fmt.Sprint(len(record.RDATA)) {
		t.Errorf("gpg exports\n%s\nwant\n%s", exported, record.Generic())
	}
}

func FuzzDANEOwner(f *testing.F) {
	for _, s := range []string{"hugh@example.com", `"a b"@example.org`, "josé@bücher.example", "A@b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := mail.ParseAddr(text)
		if err != nil || a.IsLiteral() {
			return
		}
		for _, owner := range keys.DANEOwners(a) {
			label, rest, _ := strings.Cut(owner, ".")
			if len(label) != 56 || strings.Trim(label, "0123456789abcdef") != "" || rest != "_openpgpkey."+a.Domain() {
				t.Errorf("%q: owner %q", text, owner)
			}
			if labels, _ := dns.IsDomainName(owner); labels > 0 && labels != strings.Count(owner, ".")+1 {
				t.Errorf("%q: %q has %d labels", text, owner, labels)
			}
		}
	})
}
