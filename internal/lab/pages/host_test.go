package pages

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

const (
	tree = "../../.."         // the checkout
	home = "/root/sealmilter" // the checkout on the host, as far as the pages use it
)

// postfixHost and sendmailHost are the packages of the two hosts.
var (
	postfixHost  = []string{"postfix", "gpg", "gpg-agent", "openssl", "curl", "jq", "sqlite3"}
	sendmailHost = []string{"sendmail-bin", "sendmail-cf", "gpg", "gpg-agent", "openssl", "curl", "jq", "sqlite3"}
)

// world is a host and what its mail server hands on.
type world struct {
	*lab.Host
	sink *lab.Sink
}

// startHost starts the host on which a page is followed: a Debian with a mail server that knows one next hop, the
// folder that a checkout and "make build" leave, and stand-ins for the programs of systemd, which cannot run on it.
func startHost(ctx context.Context, t *testing.T, stage stage, program string) *world {
	t.Helper()
	packages := stage.packages
	if packages == nil {
		packages = postfixHost
	}
	host := labtest.StartHost(ctx, t, packages...)
	w := &world{Host: host}
	err := host.Inside(func() (err error) {
		w.sink, err = lab.StartSink(lab.SinkConfig{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, w.sink.Close)
	for _, folder := range []string{home + "/bin", "/run/systemd/system"} {
		if err := os.MkdirAll(host.Path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"systemctl", "journalctl", "key"} {
		if err := host.Install("testdata/"+name, "/usr/local/sbin/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := host.Install(program, home+"/bin/sealmilter"); err != nil {
		t.Fatal(err)
	}
	copyDeploy(t, host.Path(home+"/deploy"))
	switch {
	case !stage.mail:
	case packages[0] == "postfix":
		w.must(ctx, t, "postconf -e myhostname=mail.example.org 'relayhost=["+strings.Replace(w.sink.Addr, ":", "]:", 1)+"' && /etc/init.d/postfix start")
	default:
		w.startSendmail(ctx, t)
	}
	return w
}

// must runs a command that prepares the host.
func (w *world) must(ctx context.Context, t *testing.T, command string) {
	t.Helper()
	labtest.Succeeds(ctx, t, w.Host, command)
}

// startSendmail starts Debian's sendmail with the next hop, and without a wait for name servers.
func (w *world) startSendmail(ctx context.Context, t *testing.T) {
	t.Helper()
	mc, err := os.ReadFile(w.Path("/etc/mail/sendmail.mc"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "define(`SMART_HOST', `relay:[127.0.0.1]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h PORT')dnl\n" +
		"define(`confREFUSE_LA', `1000')dnl\ndefine(`confQUEUE_LA', `1000')dnl\nFEATURE(`accept_unresolvable_domains')dnl\n" +
		"FEATURE(`nocanonify')dnl\nundefine(`confBIND_OPTS')dnl\ndefine(`confTO_IDENT', `0')dnl\nMAILER_DEFINITIONS\n"
	_, port, _ := strings.Cut(w.sink.Addr, ":")
	text := strings.Replace(string(mc), "MAILER_DEFINITIONS\n", strings.Replace(own, "PORT", port, 1), 1)
	if err := os.WriteFile(w.Path("/etc/mail/sendmail.mc"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w.must(ctx, t, "echo 'hosts files' >/etc/mail/service.switch; make -C /etc/mail && /etc/init.d/sendmail start")
}

// copyDeploy copies the files of deploy/ that an administrator takes, and not its programs and tests.
func copyDeploy(t *testing.T, to string) {
	t.Helper()
	from := filepath.Join(tree, "deploy")
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".go") {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
