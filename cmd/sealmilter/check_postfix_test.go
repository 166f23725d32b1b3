package main

import (
	"strings"
	"testing"
)

// breakage is something that an administrator breaks, the line that check has for it, and how it is put right.
type breakage struct {
	name, breaks string
	// want begins a line: state, topic and a part of the detail.
	want string
	// mend is typed after it; "" is what the line says, up to a semicolon or an "or".
	mend string
}

// breakOne breaks one thing after the other on a host where check finds nothing, does what its line says, and wants nothing
// to be found again.
func (h *setupHost) breakOne(t *testing.T, all []breakage) {
	t.Helper()
	check := func() string { return h.run(t, "sealmilter check --offline 2>&1 || true") }
	well := check()
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			if strings.Contains(well, "\n"+b.want) {
				t.Fatalf("%q is found before anything is broken", b.want)
			}
			h.run(t, b.breaks)
			out := check()
			_, rest, found := strings.Cut(out, "\n"+b.want)
			_, rest, _ = strings.Cut(rest, "\n         -> ")
			mend, _, _ := strings.Cut(rest, "\n")
			if !found || mend == "" {
				t.Errorf("%q is not found, or says nothing of what to do:\n%s", b.want, out)
			}
			if b.mend == "" {
				b.mend, _, _ = strings.Cut(mend, "; ")
				b.mend, _, _ = strings.Cut(b.mend, ", or ")
			}
			h.run(t, b.mend)
			if out := check(); strings.Contains(out, "\n"+b.want) {
				t.Errorf("%q is found after %s:\n%s", b.want, b.mend, out)
			}
		})
	}
}

// TestCheckPostfix breaks Debian's Postfix, the files and the daemon of a host, one thing at a time.
func TestCheckPostfix(t *testing.T) {
	t.Parallel()
	h := startSetupHost(t, "postfix")
	h.run(t, "postconf -e myhostname=mail.example.org 'relayhost=["+strings.Replace(h.sink.Addr, ":", "]:", 1)+"' mailbox_size_limit=51200000")
	h.run(t, "/etc/init.d/postfix start")
	h.run(t, "sealmilter setup postfix")
	h.serve(t)
	h.run(t, "sealmilter check --offline --self-test", "ok       test message: the MTA asks sealmilter", "ok       daemon: it is sealmilter ", "ok       Postfix: mail that comes in at smtp is shown")
	h.run(t, "sealmilter check --offline || true", "warning  Postfix message_size_limit",
		"-> postconf -e message_size_limit=104857600 mailbox_size_limit=0 virtual_mailbox_limit=0 && postfix reload")
	h.run(t, "postconf -e message_size_limit=104857600 mailbox_size_limit=0 && postfix reload")

	const reload = " && postfix reload"
	h.breakOne(t, []breakage{
		{name: "accept", breaks: "postconf -e milter_default_action=accept" + reload, want: "error    Postfix: milter_default_action = accept in main.cf"},
		{name: "accept of a service", breaks: "postconf -P smtp/inet/milter_default_action=accept" + reload, want: "error    Postfix: milter_default_action=accept for smtp", mend: "postconf -PX smtp/inet/milter_default_action" + reload},
		{name: "old protocol", breaks: "postconf -e milter_protocol=2" + reload, want: "error    Postfix: milter_protocol is 2"},
		{name: "no milter", breaks: "postconf -X smtpd_milters" + reload, want: "error    Postfix listener smtp: mail that comes in here is not sealed"},
		{name: "service without", breaks: "postconf -P smtp/inet/smtpd_milters=" + reload, want: "error    Postfix listener smtp: mail that comes in here is not sealed"},
		{name: "other service", breaks: "postconf -M 'submission/inet=submission inet n - y - - smtpd' && postconf -P submission/inet/smtpd_milters=inet:127.0.0.1:8895" + reload, want: "error    Postfix listener submission: mail that comes in here is not sealed"},
		{name: "no listener for copies", breaks: "postconf -MX 127.0.0.1:10026/inet" + reload, want: "error    Postfix listener 127.0.0.1:10026: it is not in master.cf"},
		{name: "open to all", breaks: "postconf -P 127.0.0.1:10026/inet/smtpd_client_restrictions=permit_mynetworks,reject 127.0.0.1:10026/inet/smtpd_relay_restrictions=permit_mynetworks,reject 127.0.0.1:10026/inet/smtpd_data_restrictions=" + reload + " && sleep 1",
			want: "error    MTA: anybody on this host can send clear text through 127.0.0.1:10026", mend: "postconf -MX 127.0.0.1:10026/inet && sealmilter setup postfix"},
		{name: "not asked about clients", breaks: "postconf -P 127.0.0.1:10026/inet/smtpd_data_restrictions=" + reload, want: "error    Postfix listener 127.0.0.1:10026: it does not ask sealmilter who may come in"},
		{name: "no DSN for copies", breaks: "postconf -P 127.0.0.1:10026/inet/smtpd_discard_ehlo_keywords=dsn" + reload, want: "warning  Postfix listener 127.0.0.1:10026: smtpd_discard_ehlo_keywords keeps dsn from it"},
		{name: "local programs", breaks: "postconf -PX pickup/unix/cleanup_service_name" + reload, want: "error    Postfix local programs: what cron and sendmail(1) send is not sealed"},
		{name: "QMQP", breaks: "postconf -M 'qmqp/inet=127.0.0.1:628 inet n - n - - qmqpd'" + reload, want: "error    Postfix service 127.0.0.1:628: what comes in by qmqpd there is not sealed"},
		{name: "before-queue filter", breaks: "postconf -M 'back/inet=127.0.0.1:10025 inet n - n - - smtpd' && postconf -P 127.0.0.1:10025/inet/smtpd_milters= 127.0.0.1:10025/inet/smtpd_proxy_filter= smtp/inet/smtpd_proxy_filter=127.0.0.1:10025" + reload,
			want: "error    Postfix listener 127.0.0.1:10025: it has no milter, and an smtpd_proxy_filter hands its mail back here"},
		{name: "no before-queue filter", breaks: "postconf -MX 127.0.0.1:10025/inet" + reload, want: "error    Postfix listener smtp: smtpd_proxy_filter = 127.0.0.1:10025", mend: "postconf -PX smtp/inet/smtpd_proxy_filter" + reload},
		{name: "no_milters", breaks: "postconf -e receive_override_options=no_milters" + reload, want: "error    Postfix listener smtp: receive_override_options has no_milters"},
		{name: "another filter", breaks: "postconf -h smtpd_milters >/tmp/milters && postconf -e 'smtpd_milters=inet:127.0.0.1:8894, inet:127.0.0.1:11999'" + reload,
			want: "error    Postfix filter: inet:127.0.0.1:11999, which is asked beside sealmilter, does not answer", mend: "postconf -e \"smtpd_milters=$(cat /tmp/milters)\"" + reload},
		{name: "no domain", breaks: "postconf -e myhostname=mail" + reload, want: "warning  Postfix myhostname"},
		{name: "soft bounce", breaks: "postconf -e soft_bounce=yes" + reload, want: "warning  Postfix soft_bounce"},
		{name: "open settings", breaks: "chmod 0666 /etc/postfix/master.cf", want: "error    Postfix: others may write /etc/postfix/master.cf"},
		{name: "IPv6 alone", breaks: "postconf -e inet_protocols=ipv6", want: "error    Postfix inet_protocols: inet_protocols = ipv6 keeps Postfix from 127.0.0.1:8894", mend: "postconf -X inet_protocols"},
		{name: "short lines", breaks: "postconf -e smtp_line_length_limit=990" + reload, want: "warning  Postfix smtp_line_length_limit"},
		{name: "masquerade", breaks: "postconf -e masquerade_domains=example.net masquerade_classes=envelope_recipient" + reload, want: "warning  Postfix masquerade_domains", mend: "postconf -X masquerade_domains masquerade_classes" + reload},
		{name: "always_bcc", breaks: "postconf -e always_bcc=archive@example.org" + reload, want: "warning  Postfix always_bcc", mend: "postconf -X always_bcc" + reload},
		{name: "networks", breaks: "postconf -e 'mynetworks=127.0.0.0/8 10.9.0.0/16'" + reload, want: "warning  Postfix mynetworks: clients in 10.9.0.0/16", mend: "postconf -X mynetworks" + reload},
		{name: "processes", breaks: "postconf -e default_process_limit=5000" + reload, want: "warning  Postfix processes", mend: "postconf -X default_process_limit" + reload},
		{name: "writable configuration", breaks: "chmod 0666 /etc/sealmilter/sealmilter.toml", want: "error    files: others may write /etc/sealmilter/sealmilter.toml"},
		{name: "configuration of another", breaks: "chown nobody /etc/sealmilter/sealmilter.toml", want: "error    files: the user nobody may write /etc/sealmilter/sealmilter.toml"},
		{name: "closed configuration", breaks: "chmod 0600 /etc/sealmilter/sealmilter.toml", want: "error    files: /etc/sealmilter/sealmilter.toml cannot be read by the user that owns"},
		{name: "open passphrase", breaks: "chmod 0644 /etc/sealmilter/passphrase", want: "error    files: others may read or write /etc/sealmilter/passphrase"},
		{name: "state of root", breaks: "chown root /var/lib/sealmilter/sealmilter.db", want: "error    state: /var/lib/sealmilter/sealmilter.db does not belong to the user sealmilter"},
		{name: "state of another", breaks: "chown -R nobody /var/lib/sealmilter", want: "warning  state: /var/lib/sealmilter belongs to nobody"},
		{name: "open state", breaks: "chmod 0755 /var/lib/sealmilter", want: "error    state: others may use /var/lib/sealmilter"},
		{name: "changed configuration", breaks: "sleep 0.1; touch /etc/sealmilter/sealmilter.toml", want: "warning  daemon: /etc/sealmilter/sealmilter.toml was changed since",
			mend: "for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^/usr/local/bin/sealmilter serve'; then kill -HUP ${p#/proc/}; fi; done; sleep 2"},
		{name: "upgraded", breaks: "cp -p /usr/local/bin/sealmilter /tmp/old && cp -p /tmp/old /tmp/new && mv /usr/local/bin/sealmilter /tmp/kept && mv /tmp/new /usr/local/bin/sealmilter",
			want: "warning  daemon: process ", mend: "mv /tmp/kept /usr/local/bin/sealmilter"},
	})
	h.run(t, "sealmilter check --offline --self-test", "ok       test message: the MTA asks sealmilter")

	// Who checks a configuration that no daemon has is told so, and not that the daemon should read it again.
	h.run(t, "sed 's/^mode = .*/mode = \"require\"/' /etc/sealmilter/sealmilter.toml >/tmp/other.toml && chmod 0600 /tmp/other.toml")
	if out := h.run(t, "sealmilter check --offline -c /tmp/other.toml || true", "serves with the configuration /etc/sealmilter/sealmilter.toml, and /tmp/other.toml was checked"); strings.Contains(out, "was changed since") {
		t.Error(out)
	}

	// A real message is sent only after the test has shown that it will be sealed.
	before := len(h.sink.Deliveries())
	h.run(t, "sealmilter check --offline --send bob@example.net --from alice@example.org", "ok       message: a message from alice@example.org to bob@example.net was taken (250 ")
	h.fails(t, "sealmilter check --offline --send bob@example.net", "error    message: a message from bob@example.net to bob@example.net was refused: 550 5.7.1")
	all, err := h.sink.Wait(h.ctx, before+1)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(all[before].Data); len(all) != before+1 || all[before].To != "bob@example.net" || !strings.Contains(got, "BEGIN PGP MESSAGE") || strings.Contains(got, "sealmilter check") {
		t.Errorf("%d messages, of which the last is\n%s", len(all), got)
	}
	h.run(t, "postconf -e 'smtpd_milter_maps=inline:{127.0.0.1=DISABLE}'"+reload)
	h.fails(t, "sealmilter check --offline --send bob@example.net --from alice@example.org", "error    test message: it was accepted at 127.0.0.1:25 without sealmilter", "warning  message: none was sent to bob@example.net")
}
