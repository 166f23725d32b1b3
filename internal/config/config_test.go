package config_test

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

var update = flag.Bool("update", false, "write the .want files anew")

const example = "../../deploy/sealmilter.toml"

// TestExample holds the shipped example to its first sentence.
func TestExample(t *testing.T) {
	c, err := config.Load(example)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Changed = c.Changed
	want.Senders.Logins = map[string][]mail.Pattern{}
	want.Policy.Request.Subject = map[string]config.Mode{}
	want.Policy.Aliases = []mail.Pattern{}
	want.Status.Hosts = []string{}
	want.Keys.Private, want.Keys.Map = []netip.Prefix{}, map[string]string{}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the example gives\n%+v\nwant the defaults\n%+v", c, want)
	}
	b, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	// Every key is in an error about an unknown one.
	for _, table := range []string{"", "[policy]", "[policy.request]", "[senders]", "[keys]", "[keys.wkd]", "[keys.vks]", "[keys.hkp]", "[keys.ldap]", "[publish]", "[crypto]", "[headers]", "[limits]", "[log]", "[status]"} {
		_, err := config.Parse("x", []byte(table+"\nno_such_key = 1\n"))
		_, keys, found := strings.Cut(err.Error(), "(keys: ")
		if !found {
			t.Fatal(err)
		}
		for key := range strings.SplitSeq(strings.TrimSuffix(keys, ")"), ", ") {
			if !bytes.Contains(b, []byte("\n"+key+" ")) && !bytes.Contains(b, []byte("["+key+"]")) &&
				!bytes.Contains(b, []byte("."+key+"]")) {
				t.Errorf("%s %s is not in the example", table, key)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	c, err := config.Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Listen:   config.Listen{Network: "unix", Address: "testdata/run/milter.sock"},
		Reinject: "[::1]:10026",
		MTAUsers: []string{"root", "mta"},
		State:    "testdata/state",
		Database: "postgres://db.example/keys",
		Admin:    "unix:testdata/run/admin.sock",
		Status:   config.Status{TokenFile: "testdata/token", Hosts: []string{"mx.example.org"}},
		Policy: config.Policy{
			Mode: config.Require,
			Rules: []config.Rule{
				{From: patterns(t, "ci@example.org"), Mode: config.Pass},
				{From: patterns(t), To: patterns(t, "@bank.example", "*@*.bank.example"), Mode: config.Require},
				{Mode: config.Prefer, MinLevel: "provider-trust", Together: true, Firm: true},
			},
			Aliases:          patterns(t, "@lists.example"),
			Together:         true,
			AlreadyEncrypted: config.EncryptOnceMore,
			Request: config.Request{Header: "X-Seal", Less: true,
				Subject: map[string]config.Mode{"[encrypt]": config.Require, "(clear)": config.Sign}},
		},
		Senders: config.Senders{
			Trust:          []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
			MissingKey:     config.EncryptOnly,
			PassphraseFile: "/etc/sealmilter/passphrase",
			KeyLifetime:    24 * time.Hour,
			Secrets:        config.SecretDatabase,
			Submitter:      "mailqueue",
			SiteKeys:       []config.SiteKey{{From: patterns(t, "root@*", "@monitor.example"), Key: address(t, "relay@example.org")}},
			Logins: map[string][]mail.Pattern{
				"alice":           patterns(t, "alice@example.org", "@alice.example"),
				"bob@example.org": patterns(t),
			},
		},
		Keys: config.Keys{
			Sources:  []string{"wkd", "dane", "vks", "hkp", "ldap"},
			Timeout:  1500 * time.Millisecond,
			Fresh:    48 * time.Hour,
			Absent:   2 * time.Hour,
			Retry:    2 * time.Minute,
			Refresh:  72 * time.Hour,
			Resolver: "tls://[2001:db8::1]:853#dns.example",
			Private:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			CAFile:   "testdata/ca.pem",
			SMIME:    "testdata/smime",
			Map: map[string]string{"sales@example.org": "alice@example.org", "@xn--bcher-kva.example": "@books.example",
				"@all.example": "gate@all.example"},
			WKD: config.WKD{Port: 8443},
			VKS: config.Keyserver{Server: "https://vks.example:8443"},
			HKP: config.Keyserver{Server: "hkps://hkp.example"},
			LDAP: config.LDAP{Server: "ldaps://ldap.example", Base: "ou=PGP Keys", User: "cn=reader",
				PasswordFile: "/etc/ldap.secret", Filter: "(mail=%s)", Attribute: "pgpKey"},
		},
		Publish: config.Publish{Listen: "127.0.0.1:8896"},
		Crypto:  config.Crypto{EncryptToSelf: true, ArchiveCertificate: "testdata/archive.asc", AttachKey: config.AttachUntilEncrypted},
		Headers: config.Headers{Strip: []string{}, Confidentiality: config.Shy, LegacyDisplay: true, PreferEncrypt: true,
			OpenPGPURL: "https://keys.example/{fingerprint}.asc"},
		Limits: config.Limits{Message: 1000, InFlight: 1 << 30, Recipients: 16, Connections: 20, Duration: 90 * time.Second},
		Log:    config.Log{Format: "json", Level: -4, Addresses: config.HashedAddresses},
	}
	if info, err := os.Stat("testdata/full.toml"); err != nil || !c.Changed.Equal(info.ModTime()) {
		t.Errorf("changed at %v, %v", c.Changed, err)
	}
	want.Changed = c.Changed
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant\n%+v", c, want)
	}
}

func address(t *testing.T, s string) mail.Addr {
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func patterns(t *testing.T, all ...string) []mail.Pattern {
	parsed := make([]mail.Pattern, len(all))
	for i, s := range all {
		var err error
		if parsed[i], err = mail.ParsePattern(s); err != nil {
			t.Fatal(err)
		}
	}
	return parsed
}

func TestLoadMissingFile(t *testing.T) {
	if _, err := config.Load("testdata/missing.toml"); err == nil || !strings.Contains(err.Error(), "testdata/missing.toml") {
		t.Errorf("a named file that is missing: %v", err)
	}
	if _, err := os.Stat(config.DefaultFile); errors.Is(err, os.ErrNotExist) {
		c, err := config.Load("")
		if err != nil || !reflect.DeepEqual(c, config.Default()) {
			t.Errorf("without the default file: %+v, %v", c, err)
		}
	}
}

// TestBadFiles compares the errors of every file in testdata/bad with the .want file beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse(filepath.Base(file), b)
		if err == nil || c != nil {
			t.Errorf("%s is accepted as %+v", file, c)
			continue
		}
		got, wantFile := err.Error()+"\n", strings.TrimSuffix(file, "toml")+"want"
		if *update {
			if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(wantFile)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%swant\n%s", file, got, want)
		}
	}
}

// FuzzParse holds every accepted file to the promises that others rely on.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", "testdata/*.toml", example} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("file", b)
		if err != nil {
			var e *config.Error
			if c != nil || !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.Line > bytes.Count(b, []byte{'\n'})+1 {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		if c.Policy.Mode == "" || c.Senders.MissingKey == "" || len(c.Keys.Sources) == 0 || c.Keys.Timeout <= 0 ||
			c.Limits.Message <= 0 || c.Limits.InFlight < c.Limits.Message || c.Limits.Recipients < 1 ||
			c.Limits.Connections < 1 || c.Limits.Duration <= 0 {
			t.Fatalf("accepted: %+v", c)
		}
		for _, r := range c.Policy.Rules {
			if r.Mode == "" {
				t.Fatalf("a rule without a mode: %+v", r)
			}
		}
	})
}
