package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/wiring"
)

func parsedConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("sealmilter.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantLine wants a finding that begins with state, topic and a part of the detail, and no other that is not ok; "" wants
// nothing but ok.
func wantLine(t *testing.T, all []wiring.Finding, want string) {
	t.Helper()
	var lines []string
	for _, f := range all {
		if f.State == wiring.OK && want != "" && !strings.HasPrefix(want, "ok ") {
			continue
		}
		if f.State != wiring.OK || want != "" {
			lines = append(lines, string(f.State)+" "+f.Topic+": "+f.Detail)
		}
		if f.State != wiring.OK && f.Mend == "" {
			t.Errorf("it does not say what to do: %+v", f)
		}
	}
	if want == "" && len(lines) == 0 || want != "" && len(lines) == 1 && strings.HasPrefix(lines[0], want) {
		return
	}
	t.Errorf("want %q, found\n%s", want, strings.Join(lines, "\n"))
}

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

func TestLoginFindings(t *testing.T) {
	alice, err := mail.ParseAddr("alice@example.org")
	if err != nil {
		t.Fatal(err)
	}
	const logins = "[senders.logins]\nalice = [\"a@example.org\", \"@example.org\"]\n"
	for name, tc := range map[string]struct{ config, want string }{
		"a key":       {config: logins},
		"no key":      {config: logins + `bob = ["bob@example.org", "*@bob.example"]`, want: "warning login bob: no address that it may use (bob@example.org, *@bob.example) has a secret key"},
		"no address":  {config: logins + `bob = []`, want: "warning login bob: it may use no address"},
		"site key":    {config: logins + "bob = [\"bob@example.org\"]\n[[senders.site_key]]\nfrom = [\"b*@example.org\"]\nkey = \"alice@example.org\""},
		"made at use": {config: "[senders]\nmissing_key = \"generate\"\n" + logins + `bob = ["bob@example.org"]`},
	} {
		t.Run(name, func(t *testing.T) {
			wantLine(t, loginFindings(parsedConfig(t, tc.config), []mail.Addr{alice}), tc.want)
		})
	}
}

func TestClockFindings(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		built, newest time.Time
		kernel        discipline
		want          string
	}{
		"in step":        {built: now.Add(-day), newest: now.Add(-time.Hour), kernel: disciplined},
		"nothing known":  {},
		"a little apart": {newest: now.Add(time.Minute)},
		"behind":         {built: now.Add(day), want: "error clock: it is 2030-01-02 03:04:05 UTC, and this program was made on 2030-01-03"},
		"was ahead":      {newest: now.Add(day), want: "error clock: it is 2030-01-02 03:04:05 UTC, and the database has a record of 2030-01-03"},
		"left alone":     {kernel: undisciplined, want: "warning clock: it is 2030-01-02 03:04:05 UTC, and nobody keeps the clock in step"},
	} {
		t.Run(name, func(t *testing.T) { wantLine(t, clockFindings(now, tc.built, tc.newest, tc.kernel), tc.want) })
	}
}

func TestServerTimeFindings(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	hour := time.Hour
	for name, tc := range map[string]struct {
		ahead time.Duration
		hosts int
		key   span
		want  string
	}{
		"nobody asked":   {ahead: 99 * hour},
		"in step":        {ahead: -time.Minute, hosts: 2},
		"ahead":          {ahead: 61 * time.Second, hosts: 2, want: "warning clock: it is 1m1s ahead of all hosts that were asked for keys, 2 of them: signatures"},
		"behind":         {ahead: -hour, hosts: 1, want: "warning clock: it is 1h0m0s behind all hosts"},
		"far ahead":      {ahead: 25 * hour, hosts: 1, want: "error clock: it is 25h0m0s ahead"},
		"far behind":     {ahead: -25 * hour, hosts: 1, want: "error clock: it is 25h0m0s behind"},
		"new key":        {ahead: hour, hosts: 1, key: span{created: now.Add(-hour / 2)}, want: "error clock: it is 1h0m0s ahead"},
		"older key":      {ahead: hour, hosts: 1, key: span{created: now.Add(-2 * hour), expires: now.Add(hour)}, want: "warning clock: "},
		"has expired":    {ahead: -2 * hour, hosts: 1, key: span{created: now.Add(-9 * hour), expires: now.Add(hour)}, want: "error clock: it is 2h0m0s behind"},
		"expired anyway": {ahead: -2 * hour, hosts: 1, key: span{created: now.Add(-9 * hour), expires: now.Add(-hour)}, want: "warning clock: "},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []span
			if tc.key != (span{}) {
				keys = []span{{created: now.Add(-999 * hour)}, tc.key}
			}
			wantLine(t, serverTimeFindings(now, tc.ahead, tc.hosts, keys), tc.want)
		})
	}
	var s serverTimes
	if _, hosts := s.nearest(); hosts != 0 {
		t.Error(hosts)
	}
	for host, at := range map[string]time.Time{"a": now.Add(-hour), "b": now.Add(2 * time.Second), "c": now.Add(9 * hour)} {
		s.note(host, at, now)
	}
	if ahead, hosts := s.nearest(); ahead < -3*time.Second || ahead > -2*time.Second || hosts != 3 {
		t.Error(ahead, hosts)
	}
}

func TestRoom(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, tc := range map[string]struct {
		left room
		want string
	}{
		"plenty":               {left: room{10 * gib, 20 * gib, 1e6, 2e6}},
		"files not counted":    {left: room{10 * gib, 20 * gib, 0, 0}},
		"small, and half free": {left: room{300 * mib, 600 * mib, 1e6, 2e6}},
		"low":                  {left: room{300 * mib, 20 * gib, 1e6, 2e6}, want: "warning state: there are only 300 MiB"},
		"full":                 {left: room{3 * mib, 20 * gib, 1e6, 2e6}, want: "error state: there are only 3 MiB"},
		"few files":            {left: room{10 * gib, 20 * gib, 5000, 2e6}, want: "warning state: there are only 10240 MiB and 5000 files"},
		"no files":             {left: room{10 * gib, 20 * gib, 7, 2e6}, want: "error state: there are only 10240 MiB and 7 files"},
	} {
		t.Run(name, func(t *testing.T) { wantLine(t, []wiring.Finding{tc.left.finding("state", "/x")}, tc.want) })
	}
}

func TestMemoryFinding(t *testing.T) {
	const mib = 1 << 20
	if got := octetsOf([]byte("MemFree:  7 kB\nMemTotal:     2048 kB\n"), "MemTotal:"); got != 2*mib {
		t.Errorf("%d octets", got)
	}
	wantLine(t, []wiring.Finding{memoryFinding(2048*mib, 512*mib)}, "")
	wantLine(t, []wiring.Finding{memoryFinding(0, 512*mib)}, "") // not known
	small := memoryFinding(1024*mib, 512*mib)
	wantLine(t, []wiring.Finding{small}, "warning memory: with many large messages at a time sealmilter may need 1576 MiB, and the host has 1024 MiB")
	if !strings.Contains(small.Mend, `in_flight = "157MiB"`) {
		t.Error(small.Mend)
	}
}

func TestOpenSwaps(t *testing.T) {
	devices := t.TempDir()
	if err := os.MkdirAll(filepath.Join(devices, "dm-1", "dm"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(devices, "dm-1", "dm", "uuid"), []byte("CRYPT-PLAIN-cryptswap\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for swaps, want := range map[string][]string{
		head: nil,
		head + "/dev/dm-1    partition\t1\t0\t-2\n/dev/zram0   partition\t1\t0\t100\n": nil,
		head + "/dev/dm-2    partition\t1\t0\t-2\n/swapfile   file\t1\t0\t-3\n":        {"/dev/dm-2", "/swapfile"},
	} {
		got := openSwaps([]byte(swaps), devices)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", swaps, got, want)
		}
		if line := swapFindings(got); (line[0].State == wiring.Warning) != (len(want) > 0) {
			t.Errorf("%+v", line)
		}
	}
}

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

func TestDatabasePassword(t *testing.T) {
	for database, want := range map[string]bool{
		"": false, "postgres://a@db/x": false, "postgres://a@db/x?passfile=/y": false,
		"postgres://a:b@db/x": true, "postgres://a@db/x?password=b": true, "postgres://a@db/x?sslpassword=b": true,
	} {
		if got := databasePassword(database); got != want {
			t.Errorf("%q: %t", database, got)
		}
	}
}
