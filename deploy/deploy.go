// Package deploy holds the files that every installation has, whatever its mail server: the configuration with every
// option, and the unit of systemd.
package deploy

import (
	_ "embed"
	"strings"
)

// Config is a configuration file with every key at its default.
//
//go:embed sealmilter.toml
var Config string

//go:embed systemd/sealmilter.service
var unit string

// Socket is the unit that keeps the milter's address open while sealmilter is restarted.
//
//go:embed systemd/sealmilter.socket
var Socket string

// User makes the system user that runs the daemon, in the form of sysusers.d(5).
//
//go:embed systemd/sealmilter.sysusers
var User string

// What the unit names.
const (
	// Program and ConfigFile are on the command line.
	Program    = "/usr/local/bin/sealmilter"
	ConfigFile = "/etc/sealmilter/sealmilter.toml"
	// State is the state directory that systemd makes.
	State = "/var/lib/sealmilter"
	// UnitFile is where the unit of an administrator belongs.
	UnitFile = "/etc/systemd/system/sealmilter.service"
	// Passphrase is the file that is loaded as a credential.
	Passphrase = "/etc/sealmilter/passphrase"
)

// UnitOptions says how a host differs from what the shipped unit names.
type UnitOptions struct {
	// Program, ConfigFile and State are paths.
	Program, ConfigFile, State string
	// Credential says whether the passphrase is loaded as a credential.
	Credential bool
}

// Unit returns the unit of systemd for a host.
func Unit(o UnitOptions) string {
	text := strings.NewReplacer(Program+" serve -c "+ConfigFile, quote(o.Program)+" serve -c "+quote(o.ConfigFile)).Replace(unit)
	if o.State != State {
		text = strings.Replace(text, "ReadWritePaths=-", "ReadWritePaths="+quote(o.State)+"\nReadWritePaths=-", 1)
	}
	if !o.Credential {
		text = strings.Replace(text, "LoadCredential=", "#LoadCredential=", 1)
	}
	return text
}

// quote writes a path for a unit file, in which blanks separate words and percent signs and backslashes mean something
// (systemd.syntax(7)).
func quote(path string) string {
	path = strings.NewReplacer(`\`, `\\`, "%", "%%", `"`, `\"`, "$", "$$").Replace(path)
	if strings.ContainsAny(path, " \t\"'\\") {
		return `"` + path + `"`
	}
	return path
}
