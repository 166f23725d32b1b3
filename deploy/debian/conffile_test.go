package debian_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"sealmilter/deploy"
	"sealmilter/deploy/debian"
	"sealmilter/internal/config"
)

// commented matches a key that is commented out.
var commented = regexp.MustCompile(`(?m)^#(\w+ *= )`)

// TestConffile holds the configuration of the package to the defaults of the program: as it is, and with every key taken
// out of its comment. That the shipped configuration has every key is the business of internal/config.
func TestConffile(t *testing.T) {
	text := debian.Conffile(deploy.Config)
	c, err := config.Parse("sealmilter.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Senders.PassphraseFile = deploy.Passphrase
	// Tables that hold the administrator's own keys are there, and empty.
	want.Senders.Logins, want.Keys.Map, want.Policy.Request.Subject = c.Senders.Logins, c.Keys.Map, c.Policy.Request.Subject
	if len(c.Senders.Logins)+len(c.Keys.Map)+len(c.Policy.Request.Subject) > 0 || !reflect.DeepEqual(c, want) {
		t.Errorf("it gives\n%+v\nwant the defaults\n%+v", c, want)
	}

	all := commented.ReplaceAllString(text, "$1")
	shipped, err := config.Parse("sealmilter.toml", []byte(deploy.Config))
	if err != nil {
		t.Fatal(err)
	}
	shipped.Senders.PassphraseFile = deploy.Passphrase
	if got, err := config.Parse("sealmilter.toml", []byte(all)); err != nil || !reflect.DeepEqual(got, shipped) {
		t.Errorf("with every key taken out of its comment it gives %v\n%+v\nwant\n%+v", err, got, shipped)
	}
	keys := regexp.MustCompile(`(?m)^\w+ *= `)
	if set, there := keys.FindAllString(text, -1), keys.FindAllString(deploy.Config, -1); len(set) != 1 || len(keys.FindAllString(all, -1)) != len(there) {
		t.Errorf("%q are set, and %d keys of %d are there", set, len(keys.FindAllString(all, -1)), len(there))
	}
	if !strings.Contains(text, `Take the "#" away`) {
		t.Error("it does not say how to change a key")
	}
}
