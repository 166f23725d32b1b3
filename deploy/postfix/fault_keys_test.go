package postfix_test

import (
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// keyFaults are those of recipients' keys: what is gone between RCPT TO and the end of a message, and sources that say
// nothing.
var keyFaults = []fault{
	{
		name:  "key removed in mid-message",
		set:   func(t *testing.T, s *sufferer) { s.forget(t, keyed) },
		lift:  func(t *testing.T, s *sufferer) { s.remember(t, keyed) },
		mid:   true,
		reply: strings.Replace(unknownKey, hidden, keyed, 1),
		log:   "the key that was there when the recipient was accepted is gone",
	},
	{
		name:   "key removed in mid-message where it is required",
		set:    func(t *testing.T, s *sufferer) { s.forget(t, "strict@example.net") },
		lift:   func(t *testing.T, s *sufferer) { s.remember(t, "strict@example.net") },
		mid:    true,
		letter: letter{to: []string{keyless, "strict@example.net"}, got: []string{keyless + ": signed", "strict@example.net: encrypted"}},
		reply:  "550 5.7.1 Mail to strict@example.net must be encrypted, and that is not possible: no source has a key.",
		log:    "no source has a key",
	},
	{
		name: "key revoked in mid-message",
		set: func(t *testing.T, s *sufferer) {
			run(t, s.ctx, s.relayHost, s.revoked, "keys", "import", "-")
		},
		lift: func(t *testing.T, s *sufferer) {
			s.forget(t, "revoked@example.net")
			join(t, s.ctx, s.Cluster, s.relayHost, "revoked@example.net")
		},
		mid:    true,
		letter: letter{to: []string{keyless, "revoked@example.net"}, got: []string{keyless + ": signed", "revoked@example.net: encrypted"}},
		reply:  strings.Replace(unknownKey, hidden, "revoked@example.net", 1),
		log:    "is gone: its certificate is revoked",
	},
	{
		name:   "directory that answers",
		set:    loud,
		letter: letter{to: []string{"walter@wkd.example"}, got: []string{"walter@wkd.example: encrypted"}},
	},
	{
		name:   "directory silent about a key in use",
		set:    silent("wkd.example"),
		lift:   loud,
		letter: letter{to: []string{keyless, "walter@wkd.example"}, got: []string{keyless + ": signed", "walter@wkd.example: encrypted"}},
	},
	{
		name:   "directory of a domain with keys silent",
		set:    silent("wkd.example"),
		lift:   loud,
		letter: letter{to: []string{keyed, "stranger@wkd.example"}, got: []string{rest[0], "stranger@wkd.example: signed"}},
		at:     "RCPT",
		reply:  strings.Replace(unknownKey, hidden, "stranger@wkd.example", 1),
		log:    "wkd did not answer",
	},
	{
		name: "names silent from the beginning",
		set: func(t *testing.T, s *sufferer) {
			for _, name := range []string{"nowhere.example", "openpgpkey.nowhere.example"} {
				done(t, s.Names().Set(name, lab.DNSName{Fault: lab.DNSSilent}))
			}
		},
		letter: letter{to: []string{keyed, "erin@nowhere.example"}, got: []string{rest[0], "erin@nowhere.example: signed"}},
	},
	{
		name:   "directory silent from the beginning",
		set:    silent("silent.example"),
		lift:   loud,
		letter: letter{to: []string{keyed, "erin@silent.example"}, got: []string{rest[0], "erin@silent.example: signed"}},
	},
	{
		name:   "directory silent where a key is required",
		set:    silent("silent.example"),
		lift:   func(t *testing.T, s *sufferer) { loud(t, s); s.Keys().Publish("silent.example", "bob", s.silent) },
		letter: letter{to: []string{keyed, "bob@silent.example"}, got: []string{rest[0], "bob@silent.example: encrypted"}},
		at:     "RCPT",
		reply:  strings.Replace(unknownKey, hidden, "bob@silent.example", 1),
		log:    "bob@silent.example",
	},
}

// forget removes the certificate of a recipient, and remember imports it again.
func (s *sufferer) forget(t *testing.T, addr string) {
	t.Helper()
	run(t, s.ctx, s.relayHost, nil, "keys", "remove", addr)
}

func (s *sufferer) remember(t *testing.T, addr string) {
	t.Helper()
	run(t, s.ctx, s.relayHost, s.certificates[addr], "keys", "import", "-")
}

// silent has the directory of a domain take questions and say nothing.
func silent(domain string) func(*testing.T, *sufferer) {
	return func(_ *testing.T, s *sufferer) { s.Keys().Set(s.Keys().Host(domain), "", lab.Hang()) }
}

func loud(_ *testing.T, s *sufferer) { s.Keys().Reset() }
