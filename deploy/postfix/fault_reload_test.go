package postfix_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// reloadFaults are changes of the configuration. A message keeps the one it began with.
var reloadFaults = []fault{
	{
		name: "stricter policy in mid-message",
		set:  func(t *testing.T, s *sufferer) { s.reload(t, "policy.mode = \"require\"\n") },
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		mid:  true,
	},
	{
		name: "laxer policy in mid-message",
		set:  func(t *testing.T, s *sufferer) { s.reload(t, "policy.mode = \"pass\"\n") },
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		mid:  true,
	},
	{
		name: "broken configuration in mid-message",
		set:  func(t *testing.T, s *sufferer) { s.reloadInVain(t, "policy.mode = \"what\"\n") },
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		mid:  true,
		log:  "the old one stays",
	},
	{
		name: "broken configuration",
		set:  func(t *testing.T, s *sufferer) { s.reloadInVain(t, "[policy\n") },
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		log:  "the old one stays",
	},
	{
		name: "configuration missing",
		set: func(t *testing.T, s *sufferer) {
			done(t, os.Remove(s.File()))
			s.hangUp(t, "configuration not reloaded")
		},
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		log:  "the old one stays",
	},
	{
		name: "certificates that cannot be read, in mid-message",
		set: func(t *testing.T, s *sufferer) {
			s.reloadInVain(t, "keys.smime = \"missing\"\npolicy.mode = \"pass\"\n")
		},
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		mid:  true,
		log:  "missing: no such file or directory",
	},
	{
		name: "settings that need a restart",
		set: func(t *testing.T, s *sufferer) {
			s.reload(t, "limits.recipients = 1\nlimits.connections = 1\nsenders.secrets = \"database\"\n")
		},
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		log:  "settings=\"senders.secrets, limits.recipients, limits.connections\"",
	},
	{
		name: "policy that refuses",
		set:  func(t *testing.T, s *sufferer) { s.reload(t, "policy.mode = \"require\"\n") },
		lift: func(t *testing.T, s *sufferer) { s.reload(t, "") },
		at:   "RCPT",
		// The hidden recipient has a key.
		reply: "550 5.7.1 Mail to erin@example.com must be encrypted, and that is not possible: no source has a key.",
		log:   "no source has a key",
	},
}

// reload puts a configuration with further lines in force.
func (s *sufferer) reload(t *testing.T, lines string) {
	t.Helper()
	s.configure(t, lines)
	s.hangUp(t, "configuration reloaded")
}

// reloadInVain has the milter look at a configuration that is none.
func (s *sufferer) reloadInVain(t *testing.T, lines string) {
	t.Helper()
	s.configure(t, lines)
	s.hangUp(t, "configuration not reloaded")
}

// hangUp sends SIGHUP and waits for what the milter says to that.
func (s *sufferer) hangUp(t *testing.T, says string) {
	t.Helper()
	before := strings.Count(s.Log(), says)
	done(t, s.Signal(syscall.SIGHUP))
	done(t, s.WaitLog(s.ctx, says, before+1))
}
