package main

import (
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

	h.run(t, "sealmilter setup postfix --dry-run", "--- /etc/postfix/main.cf", "+smtpd_milters", "useradd", "postfix reload", "+# BEGIN sealmilter")
	if after := h.files(t, folders...); after != before {
		t.Fatalf("a dry run has changed\n%s\nto\n%s", before, after)
	}

	h.run(t, "sealmilter setup postfix", "run       postfix reload", "start sealmilter")
	h.serve(t)
	wired := h.files(t, append(folders, "/etc/sealmilter")...)
	h.run(t, "sealmilter setup postfix", "unchanged", "ok       test message: the MTA asks sealmilter")
	h.sealed(t, 1)

	const undo = "sealmilter setup postfix --undo"
	h.run(t, undo, "run       postfix reload")
	h.run(t, undo, "there is nothing to undo")

	h.run(t, "sealmilter setup postfix", "ok       test message: the MTA asks sealmilter")
	if again := h.files(t, append(folders, "/etc/sealmilter")...); again != wired {
		t.Errorf("the second time it is\n%s\nnot\n%s", again, wired)
	}
	h.sealed(t, 2)
	h.run(t, undo, "kept      /var/lib/sealmilter with keys and state")
	h.run(t, "sealmilter keys list --secret", "alice@example.org")
	if after := h.files(t, folders...); after != before {
		t.Errorf("undone it is\n%s\nnot\n%s", after, before)
	}
}
