package keys_test

import (
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

func TestResolverProbe(t *testing.T) {
	for name, tc := range map[string]struct {
		root      lab.DNSName
		validates bool
		fails     bool
	}{
		"validates":   {root: records(soa), validates: true},
		"does not":    {root: lab.DNSName{Records: []string{soa}, Insecure: true}},
		"knows not":   {root: lab.DNSName{}, fails: true},
		"no recourse": {root: lab.DNSName{Fault: lab.DNSServFail}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := startDNS(t)
			know(t, server, ".", tc.root)
			r, err := keys.NewResolver(server.Addr, keys.ResolverOptions{})
			if err != nil {
				t.Fatal(err)
			}
			keys.Distrust(r) // what it says is reported whoever may believe it
			validates, err := r.Probe(t.Context())
			if validates != tc.validates || (err != nil) != tc.fails {
				t.Errorf("%t, %v", validates, err)
			}
		})
	}
}

const soa = "SOA a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 86400"
