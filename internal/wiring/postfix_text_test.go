package wiring

import (
	"maps"
	"strings"
	"testing"

	"sealmilter/internal/config"
)

// defaults are parameters of Postfix that the code asks for, as "postconf -d" has them.
var defaults = map[string]string{
	"milter_default_action": "tempfail", "milter_protocol": "6", "milter_command_timeout": "30s", "milter_content_timeout": "300s",
	"queue_directory": "/var/spool/postfix", "compatibility_level": "3.6", "cleanup_service_name": "cleanup",
	"message_size_limit": "10240000", "mailbox_size_limit": "51200000", "virtual_mailbox_limit": "51200000", "default_process_limit": "100", "smtp_line_length_limit": "998", "inet_interfaces": "all", "milter_macro_daemon_name": "mail.example.org",
}

// postfixOf returns what postconf(1) would say of two files. Only "$name" is expanded.
func postfixOf(files PostfixFiles) *Postfix {
	p := &Postfix{Main: maps.Clone(defaults)}
	for _, e := range entries(files.Main) {
		if name, value, found := strings.Cut(e.text, "="); found {
			p.Main[strings.TrimSpace(name)] = oneLine(value)
		}
	}
	expand := func(value string) string {
		for range 3 {
			for name, v := range p.Main {
				value = strings.ReplaceAll(value, "$"+name, v)
			}
		}
		return value
	}
	for name, value := range p.Main {
		p.Main[name] = expand(value)
	}
	for _, m := range masterEntries(files.Master) {
		s := Service{Name: m.name, Type: m.kind, Command: m.command, Overrides: map[string]string{}}
		s.MaxProcesses = strings.Fields(m.text)[6]
		s.Chroot = strings.Fields(m.text)[4] == "y"
		for _, o := range m.options {
			s.Overrides[o.name] = expand(oneLine(o.value))
		}
		p.Services = append(p.Services, s)
	}
	return p
}

func parseConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("sealmilter.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
