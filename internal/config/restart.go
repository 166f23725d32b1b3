package config

import "slices"

// KeepUntilRestart gives c, which nobody uses yet, the settings of the running configuration that a daemon cannot exchange
// while it runs, so that it never works by a mixture of both. It returns the names of those that differed, in the order of
// the file.
func (c *Config) KeepUntilRestart(running *Config) []string {
	var changed []string
	keep(&changed, "listen", &c.Listen, running.Listen)
	keep(&changed, "reinject", &c.Reinject, running.Reinject)
	keep(&changed, "state", &c.State, running.State)
	keep(&changed, "database", &c.Database, running.Database)
	keep(&changed, "admin", &c.Admin, running.Admin)
	keep(&changed, "senders.passphrase_file", &c.Senders.PassphraseFile, running.Senders.PassphraseFile)
	keep(&changed, "senders.extend", &c.Senders.Extend, running.Senders.Extend)
	keep(&changed, "senders.secrets", &c.Senders.Secrets, running.Senders.Secrets)
	keep(&changed, "publish.listen", &c.Publish.Listen, running.Publish.Listen)
	keep(&changed, "limits.message", &c.Limits.Message, running.Limits.Message)
	keep(&changed, "limits.in_flight", &c.Limits.InFlight, running.Limits.InFlight)
	keep(&changed, "limits.recipients", &c.Limits.Recipients, running.Limits.Recipients)
	keep(&changed, "limits.connections", &c.Limits.Connections, running.Limits.Connections)
	keep(&changed, "limits.duration", &c.Limits.Duration, running.Limits.Duration)
	keep(&changed, "log", &c.Log, running.Log)
	keep(&changed, "status.token_file", &c.Status.TokenFile, running.Status.TokenFile)
	if !slices.Equal(c.Status.Hosts, running.Status.Hosts) {
		changed = append(changed, "status.hosts")
		c.Status.Hosts = running.Status.Hosts
	}
	return changed
}

func keep[T comparable](changed *[]string, name string, value *T, running T) {
	if *value != running {
		*changed = append(*changed, name)
		*value = running
	}
}
