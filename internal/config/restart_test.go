package config_test

import (
	"reflect"
	"slices"
	"testing"

	"sealmilter/internal/config"
)

// TestKeepUntilRestart changes one setting after the other.
func TestKeepUntilRestart(t *testing.T) {
	for _, tc := range []struct {
		file string
		want []string
	}{
		{``, nil},
		{`listen = "inet:127.0.0.1:1"`, []string{"listen"}},
		{`reinject = "127.0.0.1:1"`, []string{"reinject"}},
		{`state = "/elsewhere"`, []string{"state"}},
		{`database = "postgres://host/keys"`, []string{"database"}},
		{`admin = ""`, []string{"admin"}},
		{`senders.passphrase_file = "/x"`, []string{"senders.passphrase_file"}},
		{`senders.extend = "0s"`, []string{"senders.extend"}},
		{"senders.secrets = \"database\"\nsenders.passphrase_file = \"/x\"", []string{"senders.passphrase_file", "senders.secrets"}},
		{`publish.listen = "127.0.0.1:1"`, []string{"publish.listen"}},
		{`limits.message = "1MiB"`, []string{"limits.message"}},
		{`limits.in_flight = "100MiB"`, []string{"limits.in_flight"}},
		{`limits.recipients = 5`, []string{"limits.recipients"}},
		{`limits.connections = 5`, []string{"limits.connections"}},
		{`limits.duration = "1m"`, []string{"limits.duration"}},
		{`log.format = "json"`, []string{"log"}},
		{`log.level = "debug"`, []string{"log"}},
		{`status.token_file = "/x"`, []string{"status.token_file"}},
		{`status.hosts = ["mail.example.org"]`, []string{"status.hosts"}},
		{`policy.mode = "sign"`, nil},
		{`senders.missing_key = "generate"`, nil},
		{`keys.sources = ["local"]`, nil},
		{`mta_users = ["mail"]`, nil},
		{"policy.mode = \"require\"\nadmin = \"127.0.0.1:1\"\nheaders.gossip = false\nlisten = \"unix:/x\"", []string{"listen", "admin"}},
	} {
		running := config.Default()
		next, err := config.Parse("/etc/sealmilter/sealmilter.toml", []byte(tc.file))
		if err != nil {
			t.Fatalf("%s: %v", tc.file, err)
		}
		if tc.want == nil && tc.file != "" && reflect.DeepEqual(next, running) {
			t.Errorf("%s is the default", tc.file)
		}
		if got := next.KeepUntilRestart(running); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.file, got, tc.want)
		}
		if again := next.KeepUntilRestart(running); len(again) > 0 {
			t.Errorf("%s: %q stay changed", tc.file, again)
		}
		if len(tc.want) > 0 && next.Policy.Mode == config.Prefer && !reflect.DeepEqual(next, running) {
			t.Errorf("%s: something else is changed", tc.file)
		}
	}
}
