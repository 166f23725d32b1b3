package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestCheckSendmail breaks Debian's sendmail, one line of its configuration at a time.
func TestCheckSendmail(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "sendmail-bin", "sendmail-cf")
	mc, err := os.ReadFile(h.Path("/etc/mail/sendmail.mc"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "define(`SMART_HOST', `relay:[127.0.0.1]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h PORT')dnl\n" +
		"define(`confREFUSE_LA', `1000')dnl\ndefine(`confQUEUE_LA', `1000')dnl\nFEATURE(`accept_unresolvable_domains')dnl\nFEATURE(`nocanonify')dnl\nundefine(`confBIND_OPTS')dnl\ndefine(`confTO_IDENT', `0')dnl\nMAILER_DEFINITIONS\n"
	text := strings.Replace(string(mc), "MAILER_DEFINITIONS\n", strings.Replace(own, "PORT", h.sink.Addr[len("127.0.0.1:"):], 1), 1)
	if err := os.WriteFile(h.Path("/etc/mail/sendmail.mc"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run(t, "echo 'hosts files' >/etc/mail/service.switch; make -C /etc/mail && /etc/init.d/sendmail start")
	h.run(t, "sealmilter setup sendmail")
	h.run(t, "sealmilter check --offline || true", "error    keys: this host has no certificates of authorities") // nothing that was installed has brought them
	h.run(t, "sed -i 's/^sources = .*/sources = [\"local\"]/' /etc/sealmilter/sealmilter.toml")
	h.serve(t)
	h.run(t, "sealmilter check --offline --self-test", "ok       test message: the MTA asks sealmilter", "ok       sendmail: mail that comes in at MTA-v4, MSP-v4, LOCALSUBMIT is shown", "ok       sendmail queue: ")
	h.run(t, "cp -r /etc/mail /etc/mail.well")

	// The sources and what is made of them are put back as they were.
	const (
		make   = " && make -C /etc/mail >/dev/null 2>&1"
		back   = "cp /etc/mail.well/*.mc /etc/mail.well/*.cf /etc/mail/"
		before = "sed -i \"s/^MAILER_DEFINITIONS/%s\\n&/\" /etc/mail/sendmail.mc"
	)
	define := func(line string) string {
		return strings.Replace(before, "%s", strings.NewReplacer("`", "\\`", "/", "\\/", "$", "\\$").Replace(line), 1) + make
	}
	h.breakOne(t, []breakage{
		{name: "passes when down", breaks: "sed -i 's/, F=T, T=C:10s/, T=C:10s/' /etc/mail/sendmail.mc" + make, want: "error    sendmail filter: it lacks F=T", mend: back},
		{name: "short", breaks: "sed -i 's/R:60s;E:10m/R:9s;E:10m/' /etc/mail/sendmail.mc" + make, want: "warning  sendmail filter: it waits 9s for an answer", mend: back},
		{name: "no filter", breaks: "sed -i '/^INPUT_MAIL_FILTER(`sealmilter/d' /etc/mail/sendmail.mc" + make, want: "error    sendmail filter: no filter of sendmail.cf", mend: back},
		{name: "no copies", breaks: "sed -i '/Name=SEALCOPIES/d' /etc/mail/sendmail.mc" + make, want: "error    sendmail listener 127.0.0.1:10026: it is not in sendmail.cf", mend: back},
		{name: "programs to the usual port", breaks: "sed -i '/RELAY_MAILER_ARGS/d' /etc/mail/submit.mc" + make, want: "warning  sendmail local programs: sealmilter cannot tell", mend: back},
		{name: "text returned", breaks: "sed -i '/nobodyreturn/d' /etc/mail/submit.mc" + make, want: "warning  sendmail local programs: submit.cf lets sendmail return", mend: back},
		{name: "masquerade", breaks: define("MASQUERADE_AS(`example.com')dnl"), want: "warning  sendmail masquerading", mend: back},
		{name: "virtual users", breaks: define("FEATURE(`virtusertable')dnl"), want: "warning  sendmail virtusertable", mend: back},
		{name: "generics", breaks: define("FEATURE(`genericstable')dnl"), want: "warning  sendmail genericstable", mend: back},
		{name: "throttle", breaks: define("define(`confCONNECTION_RATE_THROTTLE', `3')dnl"), want: "warning  sendmail ConnectionRateThrottle", mend: back},
		{name: "children", breaks: define("define(`confMAX_DAEMON_CHILDREN', `3000')dnl"), want: "warning  sendmail MaxDaemonChildren", mend: back},
		{name: "size", breaks: define("define(`confMAX_MESSAGE_SIZE', `20000000')dnl"), want: "warning  sendmail MaxMessageSize", mend: back},
		{name: "lines", breaks: "sed -i '/SMTP_MAILER_LL/d' /etc/mail/sendmail.mc" + make, want: "warning  sendmail mailer esmtp: L=990", mend: back},
		{name: "open settings", breaks: "chmod 0666 /etc/mail/submit.cf", want: "error    sendmail: others may write /etc/mail/submit.cf"},
		{name: "another filter", breaks: define("INPUT_MAIL_FILTER(`other', `S=inet:11999@127.0.0.1, F=T')dnl"), want: "error    sendmail filter: other (inet:11999@127.0.0.1), which is asked beside sealmilter, does not answer", mend: back},
		{name: "macros", breaks: define("define(`confMILTER_MACROS_CONNECT', `j, _')dnl"), want: "error    sendmail macros", mend: back},
	})
	// A real message, and one that is not sent because sendmail would not ask.
	all := len(h.sink.Deliveries())
	h.run(t, "sealmilter check --offline --send bob@example.net --from alice@example.org", "ok       message: a message from alice@example.org to bob@example.net was taken (250 ")
	got, err := h.sink.Wait(h.ctx, all+1)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got[all].Data); got[all].To != "bob@example.net" || !strings.Contains(text, "BEGIN PGP MESSAGE") || strings.Contains(text, "sealmilter check") {
		t.Errorf("%s got\n%s", got[all].To, text)
	}
	h.run(t, "sed -i 's/S=inet:8894@127.0.0.1, F=T/S=inet:1@127.0.0.1/' /etc/mail/sendmail.mc"+make+" && /etc/init.d/sendmail restart")
	if err := h.Inside(func() error {
		if !waitFor(h.ctx, "127.0.0.1:25") {
			return errors.New("sendmail does not come back")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h.fails(t, "sealmilter check --offline --send bob@example.net --from alice@example.org", "error    test message: it was accepted at 127.0.0.1:25 without sealmilter", "warning  message: none was sent to bob@example.net")
	for _, d := range h.sink.Deliveries()[all+1:] {
		if d.To == "bob@example.net" {
			t.Errorf("it was sent:\n%s", d.Data)
		}
	}
}
