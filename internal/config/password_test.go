package config_test

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
)

// TestErrorsTellNoPassword has passwords where some programs take one. Errors go to the log.
func TestErrorsTellNoPassword(t *testing.T) {
	for _, text := range []string{
		`database = "mysql://u:hunter2@db.example/keys"`,
		`database = "postgres://u:hunter2@db example/keys"`,
		`keys.ldap.server = "ldaps://cn=reader:hunter2@ldap.example"`,
		`keys.ldap.server = "ldaps://reader:hunter2@ldap example"`,
		`keys.hkp.server = "hkps://u:hunter2@keys.example"`,
		`keys.vks.server = "https://u:hunter2@keys.example"`,
	} {
		if _, err := config.Parse("x.toml", []byte(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
