package main

import (
	"os"
	"strings"
	"testing"
)

// TestSetupSendmail wires Debian's sendmail as it comes, twice over, and takes it back, twice over.
func TestSetupSendmail(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "sendmail-bin", "sendmail-cf")
	// A relay host: everything goes to the sink, and nothing waits for name servers. It takes mail however busy the machine is.
	mc, err := os.ReadFile(h.Path("/etc/mail/sendmail.mc"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "define(`SMART_HOST', `relay:[127.0.0.1]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h PORT')dnl\n" +
		"define(`confREFUSE_LA', `1000')dnl\ndefine(`confQUEUE_LA', `1000')dnl\nFEATURE(`accept_unresolvable_domains')dnl\nFEATURE(`nocanonify')dnl\nundefine(`confBIND_OPTS')dnl\ndefine(`confTO_IDENT', `0')dnl\n" +
		"INPUT_MAIL_FILTER(`opendkim', `S=inet:8891@127.0.0.1')dnl\nMAILER_DEFINITIONS\n" // it does not run, and mail passes it then
	text := strings.Replace(string(mc), "MAILER_DEFINITIONS\n", strings.Replace(own, "PORT", h.sink.Addr[len("127.0.0.1:"):], 1), 1)
	if err := os.WriteFile(h.Path("/etc/mail/sendmail.mc"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run(t, "echo 'hosts files' >/etc/mail/service.switch; make -C /etc/mail && /etc/init.d/sendmail start")
	folders := []string{"/etc/mail", "/etc/systemd"}
	before := h.files(t, folders...)

	h.run(t, "sealmilter setup sendmail --dry-run", "--- /etc/mail/sendmail.mc", "+INPUT_MAIL_FILTER", "+++ /etc/mail/sendmail.cf", "+Xsealmilter", "+O InputMailFilters=sealmilter, opendkim", "sendmail restart")
	if after := h.files(t, folders...); after != before {
		t.Fatalf("a dry run has changed\n%s\nto\n%s", before, after)
	}
	h.run(t, "sealmilter setup sendmail", "sendmail restart", "start sealmilter")
	h.serve(t)
	wired := h.files(t, append(folders, "/etc/sealmilter")...)
	h.run(t, "sealmilter setup sendmail", "unchanged", "ok       test message: the MTA asks sealmilter")
	h.sealed(t, 1)

	const undo = "sealmilter setup sendmail --undo"
	h.run(t, undo, "sendmail restart")
	if after := h.files(t, folders...); after != before {
		t.Errorf("undone it is\n%s\nnot\n%s", after, before)
	}
	h.run(t, undo, "there is nothing to undo")
	h.fails(t, "sealmilter setup postfix", "there is no postfix on this host", "there is sendmail: sealmilter setup sendmail")

	h.run(t, "sealmilter setup sendmail", "ok       test message: the MTA asks sealmilter")
	again := h.files(t, append(folders, "/etc/sealmilter")...)
	if len(strings.Split(again, "\n")) != len(strings.Split(wired, "\n")) {
		t.Errorf("the second time it is\n%s\nnot\n%s", again, wired)
	}
	h.sealed(t, 2)
	h.sealedLocally(t)
	h.run(t, undo, "kept      /var/lib/sealmilter with keys and state")
	if after := h.files(t, folders...); after != before {
		t.Errorf("undone twice it is\n%s\nnot\n%s", after, before)
	}

	// What the administrator changes meanwhile stays, and what is made of it is made anew.
	h.run(t, "sealmilter setup sendmail")
	h.run(t, "sed -i 's/^MAILER_DEFINITIONS/define(`confMAX_HOP'\\'', `17'\\'')dnl\\n&/' /etc/mail/sendmail.mc && make -C /etc/mail && /etc/init.d/sendmail restart")
	h.run(t, "sealmilter check || true", "ok       sendmail: mail that comes in at MTA-v4, MSP-v4, LOCALSUBMIT is shown to sealmilter")
	h.run(t, undo, "/etc/mail/sendmail.mc was changed since", "/etc/mail/sendmail.cf was changed since")
	h.run(t, "grep -c MaxHopCount=17 /etc/mail/sendmail.cf && ! grep -n -i seal /etc/mail/*.cf /etc/mail/*.mc", "1\n")
	h.run(t, "grep -c '^# define(`confMAX_HOP' /etc/mail/sendmail.cf", "1\n") // the source as comments, as Debian's Makefile has it

	// Changes by hand would be lost.
	h.run(t, "echo 'O HelpFile=/etc/mail/other' >>/etc/mail/sendmail.cf")
	h.fails(t, "sealmilter setup sendmail", "/etc/mail/sendmail.cf is not what /etc/mail/sendmail.mc makes", "nothing was changed")
}
