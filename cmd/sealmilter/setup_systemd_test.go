package main

import (
	"os"
	"strings"
	"testing"
)

// systemctl stands in for that of systemd, which cannot run on a throw-away host: it runs the unit's command as the unit's
// user, and notes what it was told.
const systemctl = `#!/bin/sh
echo "$@" >>/root/systemctl.log
unit=/etc/systemd/system/sealmilter.service
stop() { [ -e /root/sealmilter.pid ] && kill "$(cat /root/sealmilter.pid)" && tail --pid="$(cat /root/sealmilter.pid)" -f /dev/null; rm -f /root/sealmilter.pid; }
case "$*" in
"start sealmilter.service"|"restart sealmilter.service")
	stop
	command=$(sed -n 's/^ExecStart=//p' $unit)
	setsid setpriv --reuid=sealmilter --regid=sealmilter --init-groups $command >/root/sealmilter.log 2>&1 </dev/null &
	echo $! >/root/sealmilter.pid ;;
"disable --now sealmilter.service") stop ;;
esac
true
`

// TestSetupWithSystemd sets a host up by one command, from nothing to a test message.
func TestSetupWithSystemd(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "postfix")
	if err := os.WriteFile(h.Path("/usr/local/bin/systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	h.run(t, "mkdir -p /run/systemd/system && postconf -e myhostname=mail.example.org && /etc/init.d/postfix start")
	before := h.files(t, "/etc/postfix", "/etc/systemd")
	told := func(want string) {
		t.Helper()
		log := h.run(t, "cat /root/systemctl.log && rm /root/systemctl.log")
		if got := strings.Join(strings.Split(strings.TrimSpace(log), "\n"), "; "); got != want {
			t.Errorf("systemctl was told %q, not %q", got, want)
		}
	}

	h.run(t, "sealmilter setup postfix", "run       systemctl enable sealmilter.service", "ok       test message: the MTA asks sealmilter")
	told("daemon-reload; enable sealmilter.service; restart sealmilter.service")
	h.run(t, "stat -c '%U %a' /var/lib/sealmilter /etc/sealmilter/passphrase /etc/sealmilter", "sealmilter 700\nroot 600\nroot 755\n")
	h.run(t, "sealmilter setup postfix", "unchanged")
	h.run(t, "! ls /root/systemctl.log 2>&1")

	// The daemon keeps its addresses until it is started anew.
	for _, changed := range []string{"s/127.0.0.1:8894/127.0.0.1:8899/", "s/127.0.0.1:10026/127.0.0.1:10036/"} {
		h.run(t, "sed -i "+changed+" /etc/sealmilter/sealmilter.toml")
		h.run(t, "sealmilter setup postfix", "change    /etc/postfix/master.cf", "ok       test message: the MTA asks sealmilter")
		told("daemon-reload; enable sealmilter.service; restart sealmilter.service")
	}
	h.run(t, "! grep -n -e 127.0.0.1:8894 -e 127.0.0.1:10026 /etc/postfix/main.cf /etc/postfix/master.cf")

	h.run(t, "sealmilter setup postfix --undo", "run       systemctl disable --now sealmilter.service")
	told("disable --now sealmilter.service; daemon-reload")
	if after := h.files(t, "/etc/postfix", "/etc/systemd"); after != before {
		t.Errorf("undone it is\n%s\nnot\n%s", after, before)
	}

	// A daemon that does not come up leaves nothing behind, and no MTA that waits for it.
	h.run(t, "echo 'listen = \"inet:127.0.0.1:8894\"\nreinject = \"127.0.0.1:10026\"\nstate = \"/var/lib/sealmilter\"\nadmin = \"127.0.0.1:25\"' >/etc/sealmilter/sealmilter.toml")
	h.fails(t, "sealmilter setup postfix", "sealmilter does not listen at inet:127.0.0.1:8894", "everything is taken back")
	if after := h.files(t, "/etc/postfix", "/etc/systemd"); after != before {
		t.Errorf("taken back it is\n%s\nnot\n%s", after, before)
	}
}
