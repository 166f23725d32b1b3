package debian_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"sealmilter/crypto"
	"sealmilter/deploy/bom"
	"sealmilter/deploy/debian"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

const sources = "../.."

// host is a throw-away Debian.
type host struct {
	*lab.Host
	ctx context.Context
}

func startHost(t *testing.T, packages ...string) *host {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	return &host{labtest.StartHost(ctx, t, packages...), ctx}
}

// run runs a command, which must succeed and print every want.
func (h *host) run(t *testing.T, command string, wants ...string) string {
	t.Helper()
	return labtest.Succeeds(h.ctx, t, h.Host, command, wants...)
}

// fails runs a command, which must fail and print every want.
func (h *host) fails(t *testing.T, command string, wants ...string) {
	t.Helper()
	labtest.Fails(h.ctx, t, h.Host, command, wants...)
}

// packages builds two packages of the program, an older and a newer one, and puts them on the host as /root/1.deb and
// /root/2.deb.
func (h *host) packages(t *testing.T) {
	t.Helper()
	program, err := lab.Build(h.ctx, t.TempDir(), "sealmilter/cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	made, err := bom.Read(h.ctx, program, sources, "./cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	made.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, version := range []string{"1", "2"} {
		p := debian.Package{Program: program, Native: program, Sources: sources, Made: made, Version: version,
			Maintainer: "nobody <root@localhost>", Compression: "none"}
		path, err := p.Build(h.ctx, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.Path("/root/"+version+".deb"), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// everything lists all files of the host with mode, owner and size, but for what dpkg and others write down of their work.
func (h *host) everything(t *testing.T) string {
	t.Helper()
	return h.run(t, `find / -xdev \( -path /proc -o -path /tmp -o -path /root -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune `+
		`-o ! -name '*-' ! -name .pwd.lock ! -type d -printf '%p %m %u %g %s\n' -o -type d -printf '%p %m %u %g\n' | sort`)
}

// TestPurgeIsClean installs the package where there is no systemd, uses it, and purges it: nothing is left, unless there
// is a secret key.
func TestPurgeIsClean(t *testing.T) {
	t.Parallel()
	h := startHost(t, "postfix", "ca-certificates")
	h.packages(t)
	h.run(t, "mkdir -p /usr/local/bin && rm -f /etc/.pwd.lock")
	before := h.everything(t)

	h.run(t, "dpkg -i /root/1.deb", "sealmilter setup postfix --dry-run", "Keep a copy of /etc/sealmilter/passphrase")
	h.run(t, "dpkg --verify sealmilter; stat -c '%n %U %G %a' /var/lib/sealmilter /etc/sealmilter /etc/sealmilter/*; getent passwd sealmilter",
		"/var/lib/sealmilter sealmilter sealmilter 700\n/etc/sealmilter root root 755\n",
		"/etc/sealmilter/passphrase root sealmilter 640\n/etc/sealmilter/sealmilter.toml root sealmilter 640\n",
		":/var/lib/sealmilter:/usr/sbin/nologin")
	if out := h.run(t, "dpkg --verify sealmilter"); out != "" {
		t.Errorf("dpkg --verify says %s", out)
	}
	h.run(t, "sealmilter version; sealmilter keys list; sealmilter setup postfix --dry-run",
		"sealmilter ", "kept      /usr/lib/systemd/system/sealmilter.service, the unit of the package", "smtpd_milters")
	if after, err := h.Run(h.ctx, "sealmilter", "check"); err == nil || !strings.Contains(after, "ok       configuration") {
		t.Errorf("check says, %v:\n%s", err, after)
	}
	passphrase := h.run(t, "cat /etc/sealmilter/passphrase")
	h.run(t, "dpkg -i /root/2.deb", "start it anew")
	if h.run(t, "cat /etc/sealmilter/passphrase") != passphrase {
		t.Error("an upgrade has changed the passphrase")
	}
	h.run(t, "rm /etc/sealmilter/passphrase && dpkg-reconfigure sealmilter && ls /etc/sealmilter/passphrase")
	if h.run(t, "cat /etc/sealmilter/passphrase") == passphrase {
		t.Error("a passphrase that was removed was made again as it was")
	}
	h.run(t, "dpkg -r sealmilter && ls /etc/sealmilter/passphrase /etc/sealmilter/sealmilter.toml /var/lib/sealmilter/sealmilter.db")
	h.run(t, "dpkg -i /root/2.deb && dpkg -P sealmilter")
	h.unchanged(t, before)

	h.run(t, "dpkg -i /root/1.deb && sealmilter keys generate alice@example.org && dpkg -P sealmilter", "kept, because", "/etc/sealmilter/passphrase")
	h.run(t, "ls /var/lib/sealmilter/secret/* /etc/sealmilter/passphrase && stat -c %U /var/lib/sealmilter/secret && ! ls /etc/sealmilter/sealmilter.toml 2>&1", "sealmilter\n")
	h.run(t, "dpkg -i /root/2.deb && sealmilter keys list --secret && sealmilter keys export --secret alice@example.org >/dev/null", "alice@example.org")
	// What root has made before there was the user, or again, becomes the user's.
	h.run(t, "chown -R root:root /var/lib/sealmilter && dpkg-reconfigure sealmilter && stat -c %U /var/lib/sealmilter /var/lib/sealmilter/secret", "sealmilter\nsealmilter\n")
	// A key that is gone leaves its revocation certificate, which is needed more than ever.
	h.run(t, "sealmilter keys remove --secret alice@example.org && dpkg -P sealmilter && ls /var/lib/sealmilter/secret/*.rev", "kept, because")
	h.run(t, "rm -r /var/lib/sealmilter /etc/sealmilter; userdel sealmilter")
	h.unchanged(t, before)

	// In the database no script can see a secret key, so the program is asked.
	h.run(t, "dpkg -i /root/1.deb && sed -i 's/^#secrets = .*/secrets = \"database\"/' /etc/sealmilter/sealmilter.toml && sealmilter keys generate alice@example.org")
	h.run(t, "! ls /var/lib/sealmilter/secret/* 2>&1; dpkg -P sealmilter && ls /var/lib/sealmilter/sealmilter.db /etc/sealmilter/passphrase", "kept, because")
}

// unchanged holds the host to what it was.
func (h *host) unchanged(t *testing.T, before string) {
	t.Helper()
	was := make(map[string]bool)
	for line := range strings.Lines(before) {
		was[line] = true
	}
	for line := range strings.Lines(h.everything(t)) {
		if !was[line] {
			t.Errorf("after the purge there is %s", line)
		}
		delete(was, line)
	}
	for line := range was {
		t.Errorf("after the purge there is no %s", line)
	}
}

// systemctl stands in for that of systemd, which cannot run on a throw-away host: it runs the unit's command as the unit's
// user, with the passphrase as a credential, and notes what it was told.
const systemctl = `#!/bin/sh
while case "$1" in --quiet|--system) true;; *) false;; esac; do shift; done
[ "$1" = is-active ] || [ "$1" = is-enabled ] || echo "$@" >>/root/systemctl.log
stop() { [ -e /root/sealmilter.pid ] && kill "$(cat /root/sealmilter.pid)" && tail --pid="$(cat /root/sealmilter.pid)" -f /dev/null; rm -f /root/sealmilter.pid; }
case "$1" in
is-active) [ -e /root/sealmilter.pid ]; exit ;;
is-enabled) [ -e /root/enabled ] && echo enabled; [ -e /root/enabled ]; exit ;;
enable) touch /root/enabled ;;
disable) rm -f /root/enabled; stop ;;
start|restart)
	stop
	install -d -o sealmilter -m 0500 /run/credentials
	install -o sealmilter -m 0400 /etc/sealmilter/passphrase /run/credentials/sealmilter-passphrase
	command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/sealmilter.service)
	CREDENTIALS_DIRECTORY=/run/credentials setsid setpriv --reuid=sealmilter --regid=sealmilter --init-groups $command >>/root/sealmilter.log 2>&1 </dev/null &
	echo $! >/root/sealmilter.pid ;;
stop) stop ;;
esac
true
`

// TestPackage installs the package where systemd runs, wires Postfix, upgrades it over a database of an older schema, and
// removes it.
func TestPackage(t *testing.T) {
	t.Parallel()
	h := startHost(t, "postfix", "ca-certificates")
	h.packages(t)
	if err := os.MkdirAll(h.Path("/run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path("/usr/local/bin/systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	h.run(t, "rm /usr/sbin/policy-rc.d && postconf -e myhostname=mail.example.org && /etc/init.d/postfix start")
	told := func(want string) {
		t.Helper()
		log := h.run(t, "cat /root/systemctl.log; rm -f /root/systemctl.log")
		if got := strings.Join(strings.Split(strings.TrimSpace(log), "\n"), "; "); got != want {
			t.Errorf("systemctl was told %q, not %q", got, want)
		}
	}

	h.run(t, "dpkg -i /root/1.deb", "installed, and not yet in use")
	told("daemon-reload")
	h.run(t, "stat -c '%U %a' /etc/sealmilter/passphrase", "root 600\n")
	mta := h.run(t, "cat /etc/postfix/main.cf /etc/postfix/master.cf")
	h.run(t, "sealmilter setup postfix", "the unit of the package", "ok       test message: the MTA asks sealmilter")
	told("daemon-reload; enable sealmilter.service; restart sealmilter.service")
	h.run(t, "! ls /etc/systemd/system/sealmilter.service 2>&1")
	h.run(t, "sealmilter setup postfix", "unchanged")
	// The key is locked with the passphrase of the package, so root's commands and the daemon know the same.
	h.run(t, "sealmilter keys generate alice@example.org && sealmilter check", "ok       configuration")
	h.run(t, "echo '# mine' >>/etc/sealmilter/sealmilter.toml && systemctl stop sealmilter.service && rm /root/systemctl.log")

	fingerprint := h.olderDatabase(t)
	h.run(t, "dpkg -i /root/2.deb </dev/null")
	told("daemon-reload; restart sealmilter.service")
	h.run(t, "for i in $(seq 300); do grep -qs serving /root/sealmilter.log && break; sleep 0.1; done; sealmilter keys list", fingerprint)
	h.run(t, "tail -n 1 /etc/sealmilter/sealmilter.toml", "# mine")
	if got, want := h.schema(t), len(migrations(t)); got != want {
		t.Errorf("after the upgrade the schema is %d, not %d", got, want)
	}

	h.fails(t, "dpkg -r sealmilter", "not removed, because postfix still asks it", "sealmilter setup postfix --undo")
	h.fails(t, "dpkg -P sealmilter", "not removed, because postfix still asks it")
	h.run(t, "test -x /usr/bin/sealmilter && dpkg -s sealmilter && kill -0 $(cat /root/sealmilter.pid)", "ok installed")
	h.run(t, "rm -f /root/systemctl.log; sealmilter setup postfix --undo")
	told("disable --now sealmilter.service")
	if h.run(t, "cat /etc/postfix/main.cf /etc/postfix/master.cf") != mta {
		t.Error("undone, the settings of Postfix are not what they were")
	}
	h.run(t, "dpkg -r sealmilter && ! ls /root/sealmilter.pid 2>&1")
	h.run(t, "dpkg -P sealmilter", "kept, because")
	h.run(t, "ls /etc/sealmilter", "passphrase\n")
}

// TestRemoveWired removes the package all the same, as the administrator was told.
func TestRemoveWired(t *testing.T) {
	t.Parallel()
	h := startHost(t, "postfix", "ca-certificates")
	h.packages(t)
	h.run(t, "dpkg -i /root/1.deb && echo 'smtpd_milters = inet:127.0.0.1:8894' >>/etc/postfix/main.cf")
	h.fails(t, "dpkg -r sealmilter", "not removed, because postfix still asks it")
	h.run(t, "SEALMILTER_REMOVE_WIRED=yes dpkg -r sealmilter 2>&1", "removed while postfix still asks it")
	h.run(t, "! ls /usr/bin/sealmilter 2>&1; postconf -h smtpd_milters", "inet:127.0.0.1:8894")
}

// TestMailServerExchanged puts another mail server in the place of the one that asks sealmilter, which nobody else would notice
// before clear text has left.
func TestMailServerExchanged(t *testing.T) {
	t.Parallel()
	h := startHost(t, "postfix", "ca-certificates")
	h.packages(t)
	const other = `mkdir -p /root/other/DEBIAN /root/other/usr/sbin && printf '#!/bin/sh\n' >/root/other/usr/sbin/sendmail && chmod +x /root/other/usr/sbin/sendmail &&
		printf 'Package: other\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nConflicts: postfix\nDescription: other\n' >/root/other/DEBIAN/control &&
		dpkg-deb -b /root/other /root/other.deb && postconf -e myhostname=mail.example.org && /etc/init.d/postfix start`
	h.run(t, other)
	silent := func(command string) {
		t.Helper()
		if out := h.run(t, command); strings.Contains(out, "WARNING") {
			t.Errorf("%s: it warns:\n%s", command, out)
		}
	}
	const upgraded = "dpkg-trigger --by-package=other /usr/sbin/sendmail && dpkg --triggers-only -a"
	h.run(t, "dpkg -i /root/1.deb")
	silent(upgraded) // nobody has set anything up
	h.run(t, "sealmilter setup postfix")
	silent(upgraded)
	h.run(t, "/etc/init.d/postfix stop")
	silent("dpkg -r postfix")
	h.run(t, "dpkg -i /root/other.deb", "WARNING: the mail server that is installed now does not ask sealmilter: mail leaves in clear text", "works with Postfix and sendmail")
}

// TestSendmail wires sendmail with the package, which then cannot be removed before that is taken back.
func TestSendmail(t *testing.T) {
	t.Parallel()
	h := startHost(t, "sendmail-bin", "sendmail-cf")
	h.packages(t)
	// The certificates of authorities are not on this host.
	h.run(t, "dpkg --force-depends -i /root/1.deb", "sealmilter setup sendmail --dry-run")
	h.run(t, "sealmilter setup sendmail", "the unit of the package", "ok       sendmail local programs")
	h.fails(t, "dpkg -P sealmilter", "not removed, because sendmail still asks it", "sealmilter setup sendmail --undo")
	h.run(t, "sealmilter setup sendmail --undo && dpkg -P sealmilter")
	h.run(t, "! ls /usr/bin/sealmilter /etc/sealmilter /var/lib/sealmilter 2>&1 | grep -v 'No such file' && ! grep -i sealmilter /etc/mail/sendmail.* /etc/mail/submit.*")
}

// migrations returns the paths of the steps of the schema.
func migrations(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(sources + "/internal/store/migrations/*.sql")
	if err != nil || len(all) < 4 {
		t.Fatal(all, err)
	}
	return all
}

// olderDatabase puts a database of an older schema with one certificate in the place of the host's, and returns the
// certificate's fingerprint.
func (h *host) olderDatabase(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sealmilter.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const old = 3
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.Exec(text, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range migrations(t)[:old] {
		text, err := os.ReadFile(step)
		if err != nil {
			t.Fatal(err)
		}
		exec(string(text))
	}
	exec(`CREATE TABLE schema_version (version INTEGER NOT NULL)`)
	exec(`INSERT INTO schema_version VALUES (?)`, old)
	addr, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := crypto.Generate(addr, crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	cert := secret.Cert()
	fingerprint := cert.Fingerprint()
	exec(`INSERT INTO certificate (fingerprint, blob, added, updated) VALUES (?, ?, 1, 1)`, fingerprint, cert.Bytes())
	exec(`INSERT INTO certificate_address (address, fingerprint, source, assigned) VALUES (?, ?, 'local', FALSE)`, addr.Key(), fingerprint)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path("/root/old.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	h.run(t, "rm /var/lib/sealmilter/sealmilter.db*; install -o sealmilter -g sealmilter -m 0600 /root/old.db /var/lib/sealmilter/sealmilter.db; rm /root/sealmilter.log")
	return fingerprint
}

// schema returns the number of the database's schema.
func (h *host) schema(t *testing.T) (version int) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"sealmilter.db", "sealmilter.db-wal"} {
		content, err := os.ReadFile(h.Path("/var/lib/sealmilter/" + name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), content, 0o600)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(folder, "sealmilter.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(`SELECT version FROM schema_version`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}
