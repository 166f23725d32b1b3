package doctor

import (
	"errors"
	"testing"
	"time"

	"sealmilter/internal/wiring"
)

func TestResolverAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		answer resolverAnswer
		config string
		want   string
	}{
		"validates":                {answer: resolverAnswer{server: "127.0.0.1:53", trusted: true, validates: true}},
		"far, does not":            {answer: resolverAnswer{server: "192.0.2.1:53"}},
		"loopback, does not":       {answer: resolverAnswer{server: "127.0.0.1:53", trusted: true}, want: "warning resolver: 127.0.0.1:53 answers in 0 ms, and does not validate DNSSEC: who forges"},
		"TLS, does not, for dane":  {answer: resolverAnswer{server: "tls://192.0.2.1:853", trusted: true}, config: `keys.sources = ["dane"]`, want: "warning resolver: tls://192.0.2.1:853 answers in 0 ms, and does not validate DNSSEC, so no key is found by dane"},
		"TLS, does not, otherwise": {answer: resolverAnswer{server: "tls://192.0.2.1:853", trusted: true}},
		"silent":                   {answer: resolverAnswer{err: errors.New("nobody there")}, want: "warning resolver: no answer that can be used (nobody there): what remote sources say is unknown: mail in mode prefer is put off for those"},
		"silent, require":          {answer: resolverAnswer{err: errors.New("x")}, config: `policy.mode = "require"`, want: "warning resolver: no answer that can be used (x): what remote sources say is unknown: mail in mode require is put off (451)"},
		"silent, and no matter":    {answer: resolverAnswer{err: errors.New("x")}, config: `policy.mode = "sign"`, want: "warning resolver: no answer that can be used (x): what remote sources say is unknown: no mode of the policy asks"},
	} {
		t.Run(name, func(t *testing.T) {
			wantLine(t, []wiring.Finding{tc.answer.finding(parsedConfig(t, tc.config))}, tc.want)
		})
	}
}

func TestServerFindings(t *testing.T) {
	c := parsedConfig(t, "")
	gone := errors.New("gone")
	wantLine(t, []wiring.Finding{serverFinding("vks", "https://k.example", time.Second, nil, c)}, "")
	wantLine(t, []wiring.Finding{serverFinding("vks", "https://k.example", 5*time.Second, nil, c)}, "warning key source vks: https://k.example answers in 5000 ms, and lookups end after 8s")
	wantLine(t, []wiring.Finding{serverFinding("hkp", "hkps://k.example", 0, gone, c)}, "warning key source hkp: hkps://k.example does not answer (gone), so a recipient whose key it might have is unknown")
	wantLine(t, []wiring.Finding{directoryFinding("example.org", true, 0, nil, c)}, "")
	wantLine(t, []wiring.Finding{directoryFinding("example.org", false, 0, nil, c)}, "")
	wantLine(t, []wiring.Finding{directoryFinding("example.org", false, 0, gone, c)}, "warning key source wkd: the senders' domain example.org could not be asked (gone)")
}
