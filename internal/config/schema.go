package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"sealmilter/internal/mail"
)

// fields is the schema: every key, and where its value goes.
func (c *Config) fields() reader {
	return table(
		field{"listen", text(&c.Listen, wantListen, parseListen)},
		field{"reinject", text(&c.Reinject, wantHostPort, parseHostPort)},
		field{"mta_users", list(&c.MTAUsers, wantText, parseText)},
		field{"state", text(&c.State, wantPath, parsePath)},
		field{"database", text(&c.Database, `a string`, parseDatabase)},
		field{"admin", text(&c.Admin, wantAdmin+` or ""`, parseOptional(parseAdmin))},
		field{"policy", table(
			field{"mode", readMode(&c.Policy.Mode)},
			field{"rule", tables("[[policy.rule]]", c.rule)},
			field{"aliases", list(&c.Policy.Aliases, wantPattern, mail.ParsePattern)},
			field{"together", flag(&c.Policy.Together)},
			field{"already_encrypted", word(&c.Policy.AlreadyEncrypted, PassEncrypted, EncryptOnceMore)},
			field{"request", table(
				field{"header", text(&c.Policy.Request.Header, wantOwnField+` or ""`, parseOptional(parseOwnField))},
				field{"subject", c.requestSubjects},
				field{"less", flag(&c.Policy.Request.Less)},
			)},
		)},
		field{"senders", table(
			field{"trust", list(&c.Senders.Trust, wantPrefix, parsePrefix)},
			field{"missing_key", word(&c.Senders.MissingKey, RejectSender, GenerateKey, EncryptOnly)},
			field{"passphrase_file", text(&c.Senders.PassphraseFile, wantPath, parseOptional(parsePath))},
			field{"key_lifetime", text(&c.Senders.KeyLifetime, wantDuration, parsePositive)},
			field{"extend", text(&c.Senders.Extend, wantExtension, parseExtension)},
			field{"secrets", word(&c.Senders.Secrets, SecretFiles, SecretDatabase)},
			field{"submitter", text(&c.Senders.Submitter, wantText, parseText)},
			field{"site_key", tables("[[senders.site_key]]", c.siteKey)},
			field{"logins", mapping(&c.Senders.Logins, wantPattern, mail.ParsePattern)},
		)},
		field{"keys", table(
			field{"sources", c.sources},
			field{"timeout", text(&c.Keys.Timeout, wantDuration, parseTimeout)},
			field{"fresh", text(&c.Keys.Fresh, wantDuration, parsePositive)},
			field{"absent", text(&c.Keys.Absent, wantDuration, parsePositive)},
			field{"retry", text(&c.Keys.Retry, wantDuration, parsePositive)},
			field{"refresh", text(&c.Keys.Refresh, wantDuration, parsePositive)},
			field{"resolver", text(&c.Keys.Resolver, wantResolver, parseResolver)},
			field{"private", list(&c.Keys.Private, wantPrefix, parsePrefix)},
			field{"ca_file", text(&c.Keys.CAFile, wantPath, parseOptional(parsePath))},
			field{"map", c.keyMap},
			field{"smime", text(&c.Keys.SMIME, wantPath, parseOptional(parsePath))},
			field{"wkd", table(
				field{"port", count(&c.Keys.WKD.Port, 1, 65535)},
			)},
			field{"vks", table(
				field{"server", text(&c.Keys.VKS.Server, wantServer("https://keys.openpgp.org"), parseServer("https"))},
			)},
			field{"hkp", table(
				field{"server", text(&c.Keys.HKP.Server, wantServer("hkps://keyserver.example.org")+` or ""`, parseOptional(parseServer("hkps", "https")))},
			)},
			field{"ldap", table(
				field{"server", text(&c.Keys.LDAP.Server, wantServer("ldaps://ldap.example.org")+` or ""`, parseOptional(parseServer("ldaps", "ldap")))},
				field{"base", text(&c.Keys.LDAP.Base, wantText, parseText)},
				field{"user", text(&c.Keys.LDAP.User, wantText, parseText)},
				field{"password_file", text(&c.Keys.LDAP.PasswordFile, wantPath, parseOptional(parsePath))},
				field{"filter", text(&c.Keys.LDAP.Filter, wantText, parseText)},
				field{"attribute", text(&c.Keys.LDAP.Attribute, wantText, parseText)},
			)},
		)},
		field{"publish", table(
			field{"listen", text(&c.Publish.Listen, wantHostPort+` or ""`, parseOptional(parseHostPort))},
		)},
		field{"crypto", table(
			field{"share", flag(&c.Crypto.Share)},
			field{"all_subkeys", flag(&c.Crypto.AllSubkeys)},
			field{"encrypt_to_self", flag(&c.Crypto.EncryptToSelf)},
			field{"archive_certificate", text(&c.Crypto.ArchiveCertificate, wantPath, parseOptional(parsePath))},
			field{"attach_key", word(&c.Crypto.AttachKey, AttachNever, AttachSigned, AttachAlways, AttachUntilEncrypted)},
		)},
		field{"headers", table(
			field{"strip", list(&c.Headers.Strip, wantField, parseField)},
			field{"confidentiality", word(&c.Headers.Confidentiality, Baseline, Shy, NoConfidentiality)},
			field{"legacy_display", flag(&c.Headers.LegacyDisplay)},
			field{"autocrypt", flag(&c.Headers.Autocrypt)},
			field{"prefer_encrypt", flag(&c.Headers.PreferEncrypt)},
			field{"gossip", flag(&c.Headers.Gossip)},
			field{"openpgp", flag(&c.Headers.OpenPGP)},
			field{"openpgp_url", text(&c.Headers.OpenPGPURL, wantTemplate+` or ""`, parseOptional(parseTemplate))},
		)},
		field{"limits", table(
			field{"message", octets(&c.Limits.Message)},
			field{"in_flight", octets(&c.Limits.InFlight)},
			field{"recipients", count(&c.Limits.Recipients, 1, maxRecipients)},
			field{"connections", count(&c.Limits.Connections, 1, 100_000)},
			field{"duration", text(&c.Limits.Duration, wantDuration, parseMessageTime)},
		)},
		field{"log", table(
			field{"format", word(&c.Log.Format, "text", "json")},
			field{"level", text(&c.Log.Level, "one of debug, info, warn, error", parseLevel)},
			field{"addresses", word(&c.Log.Addresses, PlainAddresses, HashedAddresses, HashedLocals)},
		)},
		field{"status", table(
			field{"token_file", text(&c.Status.TokenFile, wantPath, parseOptional(parsePath))},
			field{"hosts", list(&c.Status.Hosts, wantHost, parseHost)},
		)},
	)
}

// word reads one of some words.
func word[T ~string](into *T, words ...T) reader {
	return text(into, "one of "+choices(words), oneOf(words...))
}

func readMode(into *Mode) reader { return word(into, Require, Prefer, Sign, Pass) }

// rule reads one [[policy.rule]].
func (c *Config) rule(errs *errorList, n *node, path string) {
	var r Rule
	before := len(errs.all)
	table(
		field{"from", list(&r.From, wantPattern, mail.ParsePattern)},
		field{"to", list(&r.To, wantPattern, mail.ParsePattern)},
		field{"mode", readMode(&r.Mode)},
		field{"min_level", word(&r.MinLevel, Levels...)},
		field{"together", flag(&r.Together)},
		field{"firm", flag(&r.Firm)},
	)(errs, n, path)
	if r.Mode == "" && len(errs.all) == before {
		errs.add(n.key, "%s has no mode; it wants one of require, prefer, sign, pass", path)
	}
	c.Policy.Rules = append(c.Policy.Rules, r)
}

// siteKey reads one [[senders.site_key]].
func (c *Config) siteKey(errs *errorList, n *node, path string) {
	var s SiteKey
	before := len(errs.all)
	table(
		field{"from", list(&s.From, wantPattern, mail.ParsePattern)},
		field{"key", text(&s.Key, wantAddress, mail.ParseAddr)},
	)(errs, n, path)
	if len(errs.all) == before {
		if s.Key.IsNull() {
			errs.add(n.key, "%s has no key; it wants %s", path, wantAddress)
		}
		if len(s.From) == 0 {
			errs.add(n.key, `%s has no from: name the senders whose mail is signed with it, such as from = ["root@*"]`, path)
		}
	}
	c.Senders.SiteKeys = append(c.Senders.SiteKeys, s)
}

// requestSubjects reads [policy.request.subject].
func (c *Config) requestSubjects(errs *errorList, n *node, path string) {
	if n.kind != unstable.Table {
		wrongKind(errs, n, path, "a table")
		return
	}
	c.Policy.Request.Subject = make(map[string]Mode, len(n.keys))
	for _, tag := range n.keys {
		var mode Mode
		readMode(&mode)(errs, n.values[tag], fmt.Sprintf("%s.%q", path, tag))
		if err := checkTag(tag); err != nil {
			errs.add(n.values[tag].key, "%s: %v", path, err)
		}
		c.Policy.Request.Subject[tag] = mode
	}
}

// sources reads the list of sources, each of which can be asked once.
func (c *Config) sources(errs *errorList, n *node, path string) {
	list(&c.Keys.Sources, `the name of a source such as "local"`, parseSource)(errs, n, path)
	if n.kind == unstable.Array && len(n.items) == 0 {
		errs.add(n.at, "%s is empty: without a source no recipient has a key", path)
	}
	seen := make(map[string]bool)
	for _, item := range n.items {
		if seen[item.text] {
			errs.add(item.at, "%s: %q is there twice", path, item.text)
		}
		seen[item.text] = true
	}
}

// keyMap reads [keys.map].
func (c *Config) keyMap(errs *errorList, n *node, path string) {
	if n.kind != unstable.Table {
		wrongKind(errs, n, path, "a table")
		return
	}
	c.Keys.Map = make(map[string]string, len(n.keys))
	for _, key := range n.keys {
		value := n.values[key]
		from, err := parseMapped(key)
		if err != nil {
			errs.add(value.key, "%s: %v", path, err)
			continue
		}
		var to string
		text(&to, wantMapped, parseMapped)(errs, value, fmt.Sprintf("%s.%q", path, key))
		if strings.HasPrefix(to, "@") && !strings.HasPrefix(from, "@") {
			errs.add(value.at, "%s.%q: one address leads to one address, not to the domain %s", path, key, to)
		}
		if _, twice := c.Keys.Map[from]; twice {
			errs.add(value.key, "%s: %q is there twice", path, from)
		}
		c.Keys.Map[from] = to
	}
}

// settings checks what several keys say together.
func (c *Config) settings(errs *errorList, root *node) {
	at := func(names ...string) position {
		n := root
		for _, name := range names {
			if n.values[name] == nil {
				break
			}
			n = n.values[name]
		}
		return n.key
	}
	if limits := root.values["limits"]; limits != nil && c.Limits.InFlight < c.Limits.Message {
		errs.add(limits.at, "limits.in_flight (%d octets) is less than limits.message (%d octets): no message of that size could pass",
			c.Limits.InFlight, c.Limits.Message)
	}
	if slices.Contains(c.Keys.Sources, "hkp") && c.Keys.HKP.Server == "" {
		errs.add(at("keys", "sources"), `the source "hkp" wants a server: [keys.hkp] server = "hkps://keyserver.example.org"`)
	}
	if slices.Contains(c.Keys.Sources, "ldap") && (c.Keys.LDAP.Server == "" || c.Keys.LDAP.Base == "") {
		errs.add(at("keys", "sources"), `the source "ldap" wants a server and a base: [keys.ldap] server = "ldaps://ldap.example.org", base = "ou=PGP Keys,dc=example,dc=org"`)
	}
	if (c.Keys.LDAP.User == "") != (c.Keys.LDAP.PasswordFile == "") {
		errs.add(at("keys", "ldap"), "keys.ldap.user and keys.ldap.password_file belong together")
	}
}
