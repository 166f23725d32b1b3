package config

import (
	"github.com/pelletier/go-toml/v2/unstable"

	"sealmilter/internal/mail"
)

// fields is the schema: every key, and where its value goes.
func (c *Config) fields() reader {
	return table(
		field{"listen", text(&c.Listen, wantListen, parseListen)},
		field{"reinject", text(&c.Reinject, wantHostPort, parseHostPort)},
		field{"state", text(&c.State, wantPath, parsePath)},
		field{"database", text(&c.Database, `a string`, parseDatabase)},
		field{"admin", text(&c.Admin, wantHostPort+` or ""`, parseAdmin)},
		field{"policy", table(
			field{"mode", readMode(&c.Policy.Mode)},
			field{"rule", tables("[[policy.rule]]", c.rule)},
		)},
		field{"senders", table(
			field{"trust", list(&c.Senders.Trust, wantPrefix, parsePrefix)},
			field{"missing_key", word(&c.Senders.MissingKey, RejectSender, GenerateKey, EncryptOnly)},
			field{"passphrase_file", text(&c.Senders.PassphraseFile, wantPath, parseOptionalPath)},
			field{"key_lifetime", text(&c.Senders.KeyLifetime, wantDuration, parsePositive)},
			field{"logins", mapping(&c.Senders.Logins, wantPattern, mail.ParsePattern)},
		)},
		field{"keys", table(
			field{"sources", c.sources},
			field{"timeout", text(&c.Keys.Timeout, wantDuration, parseTimeout)},
		)},
		field{"crypto", table(
			field{"share", flag(&c.Crypto.Share)},
		)},
		field{"headers", table(
			field{"strip", list(&c.Headers.Strip, wantField, parseField)},
		)},
		field{"limits", table(
			field{"message", octets(&c.Limits.Message)},
			field{"in_flight", octets(&c.Limits.InFlight)},
			field{"recipients", count(&c.Limits.Recipients, 1, 1_000_000)},
		)},
		field{"log", table(
			field{"format", word(&c.Log.Format, "text", "json")},
			field{"level", text(&c.Log.Level, "one of debug, info, warn, error", parseLevel)},
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
	)(errs, n, path)
	if r.Mode == "" && len(errs.all) == before {
		errs.add(n.key, "%s has no mode; it wants one of require, prefer, sign, pass", path)
	}
	c.Policy.Rules = append(c.Policy.Rules, r)
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
