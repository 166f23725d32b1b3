package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// TestCheckAsks has check ask a resolver, key servers and a sender's domain that are all there, and looks at what they are
// asked: nothing that names a correspondent.
func TestCheckAsks(t *testing.T) {
	names, err := lab.StartDNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	directory, err := lab.StartWKD(authority)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { directory.Close() })
	server, err := lab.StartKeyserver(authority, "keys.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	directory.AddDomain("example.org", lab.Advanced)
	for name, records := range map[string]string{directory.Host("example.org"): "A 127.0.0.1", "keys.example": "A 127.0.0.1",
		".": "SOA a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 86400"} {
		if err := names.Set(name, lab.DNSName{Records: []string{records}}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "sealmilter.toml")
	if err := authority.WritePEM(filepath.Join(filepath.Dir(file), "authority.pem")); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`state = "state"
listen = "unix:none.sock"
reinject = "127.0.0.1:1"
[keys]
sources = ["local", "wkd", "dane", "vks", "hkp"]
resolver = %q
private = ["127.0.0.0/8"]
ca_file = "authority.pem"
wkd.port = %s
vks.server = %q
hkp.server = %q
`, names.Addr, directory.Port(), server.BaseURL(), server.BaseURL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sealmilter := func(args ...string) string {
		var out bytes.Buffer
		run(t.Context(), append(args, "-c", file), strings.NewReader(""), &out, &out)
		return out.String()
	}
	sealmilter("keys", "generate", "alice@example.org")
	out := sealmilter("check")
	for _, want := range []string{
		"ok       resolver: " + names.Addr + " answers in ",
		", and validates DNSSEC\n",
		"ok       key source vks: " + server.BaseURL() + " answers in ",
		"ok       key source hkp: " + server.BaseURL() + " answers in ",
		"ok       key source wkd: the senders' domain example.org answers in ",
		"ok       clock: it agrees with the hosts that were asked for keys, 2 of them\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, r := range append(server.Requests(), directory.Requests()...) {
		if asked := fmt.Sprint(r); strings.Contains(asked, "alice") || strings.Contains(asked, "%40") {
			t.Errorf("a request names a person: %s", asked)
		}
	}

	if err := names.Set(".", lab.DNSName{Insecure: true, Records: []string{"SOA a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 86400"}}); err != nil {
		t.Fatal(err)
	}
	server.Close()
	out = sealmilter("check")
	for _, want := range []string{
		"and does not validate DNSSEC, so no key is found by dane\n         -> run a validating resolver",
		"warning  key source vks: " + server.BaseURL() + " does not answer (",
		"warning  key source hkp: " + server.BaseURL() + " does not answer (",
		"ok       key source wkd: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}
