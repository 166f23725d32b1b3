package doctor

import (
	"os"
	"strings"
	"testing"
)

func TestContradictions(t *testing.T) {
	const rules = "[[policy.rule]]\nto = [%q]\nmode = \"sign\"\n"
	rule := func(to ...string) string {
		text := ""
		for _, pattern := range to {
			text += strings.Replace(rules, "%q", `"`+pattern+`"`, 1)
		}
		return text
	}
	for name, tc := range map[string]struct{ config, want string }{
		"defaults":             {},
		"shipped":              {config: string(mustRead(t, "../../deploy/sealmilter.toml"))},
		"rule of no use":       {config: rule("@example.org", "bob@example.org"), want: "warning configuration: rule 2 (to bob@example.org: sign) never counts: rule 1"},
		"rule behind all":      {config: "[[policy.rule]]\nmode = \"prefer\"\n" + rule("@example.org"), want: "warning configuration: rule 2 (to *@example.org: sign) never counts: rule 1 (prefer)"},
		"rule for others":      {config: rule("bob@example.org", "@example.org", "@example.net")},
		"one of two is left":   {config: rule("bob@example.org") + "[[policy.rule]]\nto = [\"bob@example.org\", \"carol@example.org\"]\nmode = \"pass\"\n"},
		"other sender":         {config: "[[policy.rule]]\nfrom = [\"a@example.org\"]\nmode = \"pass\"\n[[policy.rule]]\nmode = \"require\"\n"},
		"nothing is sealed":    {config: `policy.mode = "pass"`, want: "warning configuration: mode is pass"},
		"site key of no use":   {config: "[[senders.site_key]]\nfrom = [\"*\"]\nkey = \"a@example.org\"\n[[senders.site_key]]\nfrom = [\"root@*\"]\nkey = \"b@example.org\"\n", want: "warning configuration: site_key 2 (b@example.org) never signs"},
		"everybody is trusted": {config: `senders.trust = ["0.0.0.0/0"]`, want: "error configuration: trust has 0.0.0.0/0"},
		"server not asked":     {config: `keys.hkp.server = "hkps://keys.example"`, want: "warning configuration: keys.hkp has a server"},
		"directory not asked":  {config: `keys.ldap = { server = "ldaps://ldap.example", base = "dc=example" }`, want: "warning configuration: keys.ldap has a server"},
		"half a field":         {config: "[headers]\nautocrypt = false\nprefer_encrypt = true", want: "warning configuration: prefer_encrypt"},
		"half another field":   {config: "[headers]\nopenpgp = false\nopenpgp_url = \"https://example.org/{fingerprint}\"", want: "warning configuration: openpgp_url"},
		"no way to ask":        {config: "[policy.request]\nless = true", want: "warning configuration: authors may ask for a less strict mode"},
		"no passphrase":        {config: `senders.secrets = "database"`, want: "error configuration: secret keys are to be kept in the database"},
		"twice":                {config: `admin = "127.0.0.1:10026"`, want: "error configuration: reinject and admin are both 127.0.0.1:10026"},
		"open milter":          {config: `listen = "inet:0.0.0.0:8894"`, want: "warning configuration: listen is 0.0.0.0:8894"},
		"open metrics":         {config: `admin = "192.0.2.1:8895"`, want: "warning configuration: admin is 192.0.2.1:8895"},
		"far MTA":              {config: `reinject = "mx.example.org:10026"`, want: "warning configuration: reinject is mx.example.org:10026"},
		"published for all":    {config: `publish.listen = "0.0.0.0:8896"`},
	} {
		t.Run(name, func(t *testing.T) { wantLine(t, contradictions(parsedConfig(t, tc.config)), tc.want) })
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
