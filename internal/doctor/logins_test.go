package doctor

import (
	"testing"

	"sealmilter/internal/mail"
)

func TestLoginFindings(t *testing.T) {
	alice, err := mail.ParseAddr("alice@example.org")
	if err != nil {
		t.Fatal(err)
	}
	const logins = "[senders.logins]\nalice = [\"a@example.org\", \"@example.org\"]\n"
	for name, tc := range map[string]struct{ config, want string }{
		"a key":       {config: logins},
		"no key":      {config: logins + `bob = ["bob@example.org", "*@bob.example"]`, want: "warning login bob: no address that it may use (bob@example.org, *@bob.example) has a secret key"},
		"no address":  {config: logins + `bob = []`, want: "warning login bob: it may use no address"},
		"site key":    {config: logins + "bob = [\"bob@example.org\"]\n[[senders.site_key]]\nfrom = [\"b*@example.org\"]\nkey = \"alice@example.org\""},
		"made at use": {config: "[senders]\nmissing_key = \"generate\"\n" + logins + `bob = ["bob@example.org"]`},
	} {
		t.Run(name, func(t *testing.T) {
			wantLine(t, loginFindings(parsedConfig(t, tc.config), []mail.Addr{alice}), tc.want)
		})
	}
}
