package admin

import (
	"testing"
	"time"

	"sealmilter/internal/config"
)

// TestConfigHash is the same for the same configuration, and tells nothing of a password.
func TestConfigHash(t *testing.T) {
	with := func(change func(*config.Config)) float64 {
		c := *config.Default()
		change(&c)
		return hashOf(&c)
	}
	same := with(func(*config.Config) {})
	if same == 0 || same != with(func(c *config.Config) { c.Changed = time.Unix(1, 0) }) {
		t.Error("the same configuration has another hash")
	}
	if same == with(func(c *config.Config) { c.Policy.Mode = config.Require }) {
		t.Error("another mode has the same hash")
	}
	one := with(func(c *config.Config) { c.Database = "postgres://u:one@db.example/keys" })
	if one == same || one != with(func(c *config.Config) { c.Database = "postgres://u:two@db.example/keys" }) ||
		one != with(func(c *config.Config) { c.Database = "postgres://u@db.example/keys?password=three" }) {
		t.Error("the hash depends on the password, or not on the database")
	}
	if with(func(c *config.Config) { c.Database = "postgres://db.example/keys?user=u&password=four" }) !=
		with(func(c *config.Config) { c.Database = "postgres://db.example/keys?user=u&password=five" }) {
		t.Error("the hash depends on the password behind a URL without a user")
	}
}
