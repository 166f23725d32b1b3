package main

import (
	"os"
	"strings"
	"testing"
)

// TestSetupPostfix wires Debian's Postfix as it comes, twice over, and takes it back, twice over.
func TestSetupPostfix(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "postfix")
	// There is no server for logs on this host, and postlogd(8) can wait for itself when it has warnings of its own to log.
	h.run(t, "postconf -e myhostname=mail.example.org 'relayhost=["+strings.Replace(h.sink.Addr, ":", "]:", 1)+"'")
	h.run(t, "/etc/init.d/postfix start")
	h.run(t, "postconf -e milter_default_action=accept")
	h.fails(t, "sealmilter setup postfix", "milter_default_action = accept in main.cf", "nothing was changed; first type: postconf -e milter_default_action=tempfail")
	h.run(t, "postconf -X milter_default_action")
	folders := []string{"/etc/postfix", "/etc/systemd"}
	before := h.files(t, folders...)

	// An administrator who looks around before setup makes a state directory of root's.
	h.run(t, "sealmilter keys list")
	h.run(t, "sealmilter setup postfix --dry-run", "give      /var/lib/sealmilter to the user sealmilter", "--- /etc/postfix/main.cf", "+smtpd_milters", "useradd", "postfix reload", "+# BEGIN sealmilter")
	if after := h.files(t, folders...); after != before {
		t.Fatalf("a dry run has changed\n%s\nto\n%s", before, after)
	}

	h.run(t, "useradd --system sealmilter && sealmilter check || true", "warning  state: /var/lib/sealmilter belongs to root", "-> chown -R sealmilter: /var/lib/sealmilter")
	h.run(t, "userdel sealmilter && stat -c %U /var/lib/sealmilter /var/lib/sealmilter/sealmilter.db", "root\nroot\n")
	h.run(t, "sealmilter setup postfix", "run       postfix reload", "start sealmilter",
		"there is no secret key: mail that would have to be signed is refused\n         -> sealmilter keys generate")
	h.run(t, "stat -c %U /var/lib/sealmilter /var/lib/sealmilter/sealmilter.db", "sealmilter\nsealmilter\n")
	h.serve(t)
	h.fails(t, "runuser -u sealmilter -- sealmilter keys generate carol@example.org", "read passphrase: open /etc/sealmilter/passphrase: permission denied; run the command as root")
	h.fails(t, "sealmilter serve", "address already in use; does sealmilter run already?")
	h.fails(t, "runuser -u nobody -- sealmilter keys list", "permission denied; the user that runs sealmilter serve has to be able to read it, and root")
	h.fails(t, "printf 'state = \"/var/lib/sealmilter\"' >/tmp/open.toml && runuser -u nobody -- sealmilter keys list -c /tmp/open.toml", "/var/lib/sealmilter has to belong to the user that runs sealmilter serve")
	wired := h.files(t, append(folders, "/etc/sealmilter")...)
	h.run(t, "sealmilter setup postfix", "unchanged", "ok       test message: the MTA asks sealmilter")
	h.sealed(t, 1)

	const undo = "sealmilter setup postfix --undo"
	h.fails(t, "sealmilter setup sendmail", "there is no sendmail on this host", "there is postfix: sealmilter setup postfix")
	h.run(t, undo, "run       postfix reload", "stop      sealmilter, which still runs")
	h.run(t, undo, "there is nothing to undo")

	h.run(t, "sealmilter setup postfix", "ok       test message: the MTA asks sealmilter")
	if again := h.files(t, append(folders, "/etc/sealmilter")...); again != wired {
		t.Errorf("the second time it is\n%s\nnot\n%s", again, wired)
	}
	h.sealed(t, 2)
	h.sealedLocally(t)
	h.run(t, undo, "kept      /var/lib/sealmilter with keys and state")
	h.run(t, "sealmilter keys list --secret", "alice@example.org")
	if after := h.files(t, folders...); after != before {
		t.Errorf("undone it is\n%s\nnot\n%s", after, before)
	}

	// The settings look right, and all the same Postfix does not ask sealmilter about clients of this host.
	h.run(t, "postconf -e 'smtpd_milter_maps=inline:{127.0.0.1=DISABLE}'")
	before = h.files(t, folders...)
	h.fails(t, "sealmilter setup postfix", "error    test message: it was accepted at 127.0.0.1:25 without sealmilter", "everything is taken back")
	if after := h.files(t, folders...); after != before {
		t.Errorf("taken back it is\n%s\nnot\n%s", after, before)
	}
}

// TestSetupPostfixTakesBack has commands of Postfix fail in the middle: everything is as it was, the user, too.
func TestSetupPostfixTakesBack(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "postfix")
	folders := []string{"/etc/postfix", "/etc/systemd", "/etc/passwd", "/etc/group"}
	// Accounts come and go; the shadow files keep their backups.
	h.run(t, "useradd --system other && userdel other")
	before := h.files(t, folders...)
	h.run(t, "mv /usr/sbin/postfix /usr/sbin/postfix.real")
	for failing, reason := range map[string]string{"check": "postfix check: exit status 1: no", "reload": "postfix reload: exit status 1: no"} {
		script := "#!/bin/sh\ncase $1 in status) exit 0;; " + failing + ") echo no >&2; exit 1;; reload) exit 0;; esac\nexec postfix.real \"$@\"\n"
		if err := os.WriteFile(h.Path("/usr/sbin/postfix"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		h.fails(t, "sealmilter setup postfix", "change    /etc/postfix/main.cf", "failed    everything is taken back", reason)
		if after := h.files(t, folders...); after != before {
			t.Errorf("%s failed, and it is\n%s\nnot\n%s", failing, after, before)
		}
		h.run(t, "! ls -d /etc/sealmilter /var/lib/sealmilter 2>/dev/null && ! id sealmilter 2>/dev/null")
	}
}

// TestSetupPostfixInUse wires a Postfix that an administrator has done much with: sealmilter by a socket that the chroot
// can see, a signer, a service with filters of its own; and who changes the files again before everything is taken back.
func TestSetupPostfixInUse(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "postfix")
	h.run(t, "postconf -e myhostname=mail.example.org 'relayhost=["+strings.Replace(h.sink.Addr, ":", "]:", 1)+"' &&"+
		" postconf -M submission/inet='submission inet n - y - - smtpd' && postconf -P submission/inet/smtpd_sasl_auth_enable=no submission/inet/smtpd_milters='$mua_milters' &&"+
		" mkdir /etc/sealmilter && echo 'listen = \"unix:/var/spool/postfix/sealmilter/milter.sock\"\nreinject = \"127.0.0.1:10044\"\nkeys.sources = [\"local\"]' >/etc/sealmilter/sealmilter.toml &&"+
		" /etc/init.d/postfix start")
	h.run(t, "sealmilter setup postfix", "the folder /var/spool/postfix/sealmilter (mode 0750)")
	h.serve(t)
	h.run(t, "stat -c '%U %G %a' /var/spool/postfix/sealmilter /var/spool/postfix/sealmilter/milter.sock", "sealmilter postfix 2750\nsealmilter postfix 660\n")
	h.run(t, "sealmilter setup postfix", "unchanged", "mail that comes in at smtp, submission is shown to sealmilter", "ok       test message: the MTA asks sealmilter")
	h.sealed(t, 1)

	// A line of the administrator's stays, and so does what was there before.
	h.run(t, "postconf -e always_bcc=archive@example.org && postconf -P submission/inet/syslog_name=postfix/mua")
	h.run(t, "sealmilter check || true", "warning  Postfix always_bcc: archive@example.org adds a recipient")
	h.run(t, "sealmilter setup postfix --undo", "/etc/postfix/main.cf was changed since", "/etc/postfix/master.cf was changed since")
	h.run(t, "postconf -n; postconf -M; postconf -P", "always_bcc = archive@example.org", "submission/inet/syslog_name = postfix/mua", "submission/inet/smtpd_milters = $mua_milters")
	h.run(t, "! grep -rn -e sealmilter -e sealcleanup -e 10044 /etc/postfix")
}
