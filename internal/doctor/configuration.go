package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/internal/wiring"
)

const configurationTopic = "configuration"

// Configuration reads the configuration file, and says what is wrong with it; nil if it cannot be used.
func (r *Report) Configuration(ctx context.Context) *config.Config {
	c, err := config.Load(r.program.ConfigFile)
	if err != nil {
		r.invalid(err)
		return nil
	}
	file := r.program.file()
	if premises.Exists(file) {
		r.add("ok", configurationTopic, file+": every key is valid", "")
	} else {
		r.add("ok", configurationTopic, file+" does not exist: the defaults hold", "")
	}
	r.configFile(ctx, file, c)
	r.Findings(contradictions(c))
	return c
}

// invalid adds a line for each thing that is wrong in the file.
func (r *Report) invalid(err error) {
	const mend = "correct it there; nothing else was checked, and a sealmilter that runs keeps the configuration that it has"
	all := []error{err}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		all = several.Unwrap()
	}
	for _, one := range all {
		var inFile *config.Error
		if errors.As(one, &inFile) {
			r.add("error", configurationTopic, inFile.Error(), mend)
			continue
		}
		r.fail("error", configurationTopic, one, "name the file with -c, or make one: sealmilter setup postfix, or setup sendmail")
	}
}

// contradictions finds settings that are valid one by one, and together are not what somebody can want.
func contradictions(c *config.Config) []wiring.Finding {
	var all []wiring.Finding
	add := func(state wiring.State, detail, mend string) {
		all = append(all, wiring.Finding{State: state, Topic: configurationTopic, Detail: detail, Mend: mend})
	}
	if len(c.Policy.Rules) == 0 && c.Policy.Mode == config.Pass {
		add(wiring.Warning, "mode is pass and there is no rule: nothing is signed or encrypted", `set mode in [policy] to "prefer"`)
	}
	for i, rule := range c.Policy.Rules {
		if at := slices.IndexFunc(c.Policy.Rules[:i], func(earlier config.Rule) bool { return hides(earlier, rule) }); at >= 0 {
			add(wiring.Warning, fmt.Sprintf("rule %d (%s) never counts: rule %d (%s) matches all its mail before it", i+1, ruleText(rule), at+1, ruleText(c.Policy.Rules[at])),
				fmt.Sprintf("put rule %d above rule %d, or take it out", i+1, at+1))
		}
	}
	for i, site := range c.Senders.SiteKeys {
		if at := slices.IndexFunc(c.Senders.SiteKeys[:i], func(earlier config.SiteKey) bool { return coversAll(earlier.From, site.From) }); at >= 0 {
			add(wiring.Warning, fmt.Sprintf("site_key %d (%s) never signs: site_key %d (%s) does for all its senders", i+1, site.Key, at+1, c.Senders.SiteKeys[at].Key),
				fmt.Sprintf("put site_key %d above site_key %d, or take it out", i+1, at+1))
		}
	}
	for _, network := range c.Senders.Trust {
		if network.Bits() == 0 {
			add(wiring.Error, fmt.Sprintf("trust has %s: what anybody sends without a login counts as your senders' own, and is signed with their keys", network),
				"name your own networks in trust of [senders]")
		}
	}
	if c.Keys.HKP.Server != "" && !slices.Contains(c.Keys.Sources, "hkp") {
		add(wiring.Warning, "keys.hkp has a server, and it is not asked", `add "hkp" to sources in [keys], or take the server out`)
	}
	if c.Keys.LDAP.Server != "" && !slices.Contains(c.Keys.Sources, "ldap") {
		add(wiring.Warning, "keys.ldap has a server, and it is not asked", `add "ldap" to sources in [keys], or take the server out`)
	}
	if c.Headers.PreferEncrypt && !c.Headers.Autocrypt {
		add(wiring.Warning, "prefer_encrypt is a part of the Autocrypt field, which is off", "set autocrypt = true in [headers], or take prefer_encrypt out")
	}
	if c.Headers.OpenPGPURL != "" && !c.Headers.OpenPGP {
		add(wiring.Warning, "openpgp_url is a part of the OpenPGP field, which is off", "set openpgp = true in [headers], or take openpgp_url out")
	}
	if c.Policy.Request.Less && c.Policy.Request.Header == "" && len(c.Policy.Request.Subject) == 0 {
		add(wiring.Warning, "authors may ask for a less strict mode, and have no way to ask for one", "set header or subject in [policy.request], or take less out")
	}
	if c.Senders.Secrets == config.SecretDatabase && c.Senders.PassphraseFile == "" {
		add(wiring.Error, "secret keys are to be kept in the database, locked with a passphrase, and passphrase_file is empty: no key can be stored",
			"set passphrase_file in [senders]: docs/database.md")
	}
	return append(all, addresses(c)...)
}

// addresses looks at where the daemon listens and sends.
func addresses(c *config.Config) []wiring.Finding {
	var all []wiring.Finding
	taken := map[string]string{}
	for _, a := range []struct{ name, at, open string }{
		{"listen", tcpOf(c.Listen), "any host that reaches it may speak to the milter as a mail server does, and use up its connections"},
		{"reinject", c.Reinject, "copies leave this host before the mail server has them, and the listener must tell sealmilter from all others"},
		{"admin", c.Admin, "other hosts can read the metrics, which tell how much mail there is"},
		{"publish.listen", c.Publish.Listen, ""},
	} {
		if a.at == "" {
			continue
		}
		if other, twice := taken[a.at]; twice {
			all = append(all, wiring.Finding{State: wiring.Error, Topic: configurationTopic,
				Detail: fmt.Sprintf("%s and %s are both %s", other, a.name, a.at), Mend: "give each an address of its own"})
		}
		taken[a.at] = a.name
		if a.open != "" && !strings.HasPrefix(a.at, "unix:") && !isLoopback(a.at) {
			all = append(all, wiring.Finding{State: wiring.Warning, Topic: configurationTopic,
				Detail: fmt.Sprintf("%s is %s, which is not on loopback: %s", a.name, a.at, a.open), Mend: "set " + a.name + " to an address of 127.0.0.1"})
		}
	}
	return all
}

// tcpOf returns host:port, "" for a socket.
func tcpOf(l config.Listen) string {
	if l.Network == "tcp" {
		return l.Address
	}
	return ""
}

func isLoopback(hostPort string) bool {
	host, _, _ := net.SplitHostPort(hostPort)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// hides reports whether all mail that a rule covers is covered by an earlier one.
func hides(earlier, rule config.Rule) bool {
	return coversAll(earlier.From, rule.From) && coversAll(earlier.To, rule.To)
}

// coversAll reports whether each pattern of narrow is covered by one of wide. An empty list stands for every address.
func coversAll(wide, narrow []mail.Pattern) bool {
	if len(wide) == 0 {
		return true
	}
	all, err := mail.ParsePattern("*")
	if err != nil {
		return false
	}
	if len(narrow) == 0 {
		narrow = []mail.Pattern{all}
	}
	return !slices.ContainsFunc(narrow, func(n mail.Pattern) bool {
		return !slices.ContainsFunc(wide, func(w mail.Pattern) bool { return w.Covers(n) })
	})
}

// ruleText names a rule by what stands in it.
func ruleText(rule config.Rule) string {
	text := func(name string, patterns []mail.Pattern) string {
		var all []string
		for _, p := range patterns {
			all = append(all, p.String())
		}
		if len(all) > 3 {
			all = append(all[:3], "...")
		}
		if len(all) == 0 {
			return ""
		}
		return name + " " + strings.Join(all, " ") + ": "
	}
	return text("from", rule.From) + text("to", rule.To) + string(rule.Mode)
}

// modes returns every mode that some mail may have by a configuration.
func modes(c *config.Config) []config.Mode {
	all := []config.Mode{c.Policy.Mode}
	for _, rule := range c.Policy.Rules {
		all = append(all, rule.Mode)
	}
	for _, mode := range c.Policy.Request.Subject {
		all = append(all, mode)
	}
	return all
}

// unknownMeans says what becomes of mail as long as it is not known whether a recipient has a key.
func unknownMeans(c *config.Config) string {
	var all []string
	if slices.Contains(modes(c), config.Require) {
		all = append(all, "mail in mode require is put off (451)")
	}
	if slices.Contains(modes(c), config.Prefer) {
		all = append(all, "mail in mode prefer is put off for those who ever had a key, and leaves in clear text for others whose key is not known yet")
	}
	if len(all) == 0 {
		return "no mode of the policy asks for keys, so mail goes on"
	}
	return strings.Join(all, "; ")
}
