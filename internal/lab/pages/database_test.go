package pages

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
)

// server is what the reader of docs/database.md has already: a database server with a certificate that the host trusts, and a
// relay host with keys. The stand-in for sudo(8) types the password that is asked for. HBA and PGPASS stand for lines of the page.
const server = `
cluster=$(echo /etc/postgresql/*/main)
echo '127.0.0.1 db.example.org' >>/etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/postgresql/db.key -out /etc/postgresql/db.pem -days 30 -subj /CN=db.example.org \
	-addext subjectAltName=DNS:db.example.org 2>/dev/null
chown postgres /etc/postgresql/db.key && chmod 0600 /etc/postgresql/db.key
mkdir -p /etc/ssl/certs && cat /etc/postgresql/db.pem >>/etc/ssl/certs/ca-certificates.crt
printf "ssl = on\nssl_cert_file = '/etc/postgresql/db.pem'\nssl_key_file = '/etc/postgresql/db.key'\n" >$cluster/conf.d/tls.conf
sed -i '/^host/d' $cluster/pg_hba.conf && echo 'HBA' >>$cluster/pg_hba.conf
pg_ctlcluster --skip-systemctl-redirect "$(basename "$(dirname $cluster)")" main start
cat >/usr/local/sbin/sudo <<'END'
#!/bin/sh
shift
printf 'PASSWORD\nPASSWORD\n' | exec setpriv --reuid="$1" --regid="$1" --init-groups sh -c 'cd / && shift && exec "$@"' sh "$@"
END
chmod 0755 /usr/local/sbin/sudo
sealmilter setup postfix >/dev/null
sealmilter keys generate alice@example.org
key /root/elsewhere bob@example.net | sealmilter keys import -
(umask 077 && echo 'PGPASS' >/etc/sealmilter/pgpass) && chown sealmilter /etc/sealmilter/pgpass`

// socket has the host reach the server by its Unix socket and no other way. HBA, ONE, TWO and URL stand for lines of the page.
const socket = `
cluster=$(echo /etc/postgresql/*/main)
sed -i -e '/^host/d' -e '1i HBA' $cluster/pg_hba.conf && printf 'ONE\nTWO\n' >>$cluster/pg_ident.conf
pg_ctlcluster --skip-systemctl-redirect "$(basename "$(dirname $cluster)")" main reload
sed -i 's|^database = .*|URL|' /etc/sealmilter/sealmilter.toml && rm /etc/sealmilter/pgpass && systemctl restart sealmilter`

// known makes sure that the database in use is PostgreSQL and has everybody.
const known = `
sealmilter keys list | grep bob@example.net
sealmilter keys list --secret | grep alice@example.org
sealmilter check --offline | grep '^ok       database: PostgreSQL'`

// TestDatabaseServer follows the page on databases on a host that has a PostgreSQL: everything moves there, is dumped, lost and
// restored, and then is shared as the cookbook has it.
func TestDatabaseServer(t *testing.T) {
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	const page, cookbook = "docs/database.md", "docs/cookbook.md"
	text := pages(t)[page]
	line := func(pattern string) string {
		t.Helper()
		found := regexp.MustCompile("(?m)" + pattern).FindString(text)
		if found == "" {
			t.Fatalf("%s has nothing like %s", page, pattern)
		}
		return found
	}
	before := strings.NewReplacer("HBA", strings.Replace(line(`^hostssl .*$`), "192.0.2.0/24", "127.0.0.1/32", 1), "PGPASS", line(`^db\..*:PASSWORD$`)).Replace(server)
	use := "sed -i '1i " + line(`^database = "postgres:.*$`) + "' /etc/sealmilter/sealmilter.toml && systemctl start sealmilter\n" + known
	createdb := line(`^sudo -u postgres createdb .*$`)

	f := &follower{page: page, program: build(ctx, t), names: Names{}, stage: stage{
		packages: append([]string{"postfix", "postgresql"}, postfixHost[1:]...), mail: true, before: before,
	}}
	shell := f.enter(ctx, t)
	steps, err := Steps(text)
	if err != nil {
		t.Fatal(err)
	}
	typed := 0
	for _, step := range steps {
		if step.Command == "" {
			continue
		}
		if strings.HasPrefix(step.Command, "pg_restore") {
			happens(t, shell, page, "systemctl stop sealmilter; sudo -u postgres dropdb sealmilter; "+createdb)
		}
		printed, status, err := shell.Run(step.Command)
		if err != nil || status != 0 {
			t.Fatalf("%s:%d: %s\nends with status %d, %v, and prints\n%s", page, step.Line, step.Command, status, err, printed)
		}
		typed++
		switch {
		case strings.HasPrefix(step.Command, "sealmilter store migrate"):
			happens(t, shell, page, use)
		case strings.HasPrefix(step.Command, "pg_restore"):
			happens(t, shell, page, "systemctl start sealmilter\n"+known)
		}
	}
	if typed < 6 {
		t.Errorf("%s has %d commands", page, typed)
	}

	steps, err = Steps(pages(t)[cookbook])
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if !strings.HasPrefix(step.Section, "9. ") {
			continue
		}
		if step.Configuration != "" {
			happens(t, shell, cookbook, "cat >/etc/sealmilter/sealmilter.toml <<'ENDOFEXAMPLE'\n"+f.whole(step.Configuration)+"ENDOFEXAMPLE\n"+
				"sealmilter keys import /var/lib/sealmilter/secret/*.pgp && rm /var/lib/sealmilter/secret/*.pgp && systemctl restart sealmilter\n"+known)
			continue
		}
		printed, status, err := shell.Run(step.Command)
		if err != nil || status != 0 || !strings.Contains(printed, "encrypt") {
			t.Errorf("%s:%d: %s\nends with status %d, %v, and prints\n%s", cookbook, step.Line, step.Command, status, err, printed)
		}
	}

	happens(t, shell, page, strings.NewReplacer("HBA", line(`^local .*$`), "ONE", line(`^relay +sealmilter +sealmilter$`),
		"TWO", line(`^relay +root +sealmilter$`), "URL", line(`^database = "postgres:.*host=.*$`)).Replace(socket)+known)
}
