package postfix_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// relay is a Postfix with the shipped fragments, and the mail world around it.
type relay struct {
	*lab.Postfix
	ctx              context.Context
	sink             *lab.Sink
	listen, reinject string // the addresses in the fragments
}

// startRelay appends the fragments to a main.cf and a master.cf that already hold other lines.
func startRelay(t *testing.T, mainCF string) *relay {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	r := &relay{ctx: ctx, listen: labtest.Reserve(t), reinject: labtest.Reserve(t)}
	var err error
	if r.sink, err = lab.StartSink(lab.SinkConfig{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.sink.Close() })
	auth, err := lab.StartAuth(map[string]string{"alice": "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { auth.Close() })
	r.Postfix = labtest.StartPostfix(ctx, t, lab.PostfixConfig{
		Relay:  r.sink.Addr,
		Auth:   auth.Addr,
		Main:   mainCF + postfix.MainCF(r.listen),
		Master: postfix.MasterCF(r.listen, r.reinject),
	})
	return r
}

// Postfix knows every parameter of the fragments and has nothing to say about them.
func TestPostfixTakesEveryLine(t *testing.T) {
	r := startRelay(t, "")
	labtest.Postconf(r.ctx, t, r.Postfix, map[string][]string{
		"-n": {
			"smtpd_milters = { inet:" + r.listen + ", default_action=tempfail, connect_timeout=10s, command_timeout=60s, content_timeout=300s }",
			"milter_default_action = tempfail",
			"milter_protocol = 6",
		},
		"-M": {
			"pickup unix n - n 60 1 pickup -o cleanup_service_name=sealcleanup",
			"sealcleanup unix n - n - 0 cleanup",
			r.reinject + " inet n - n - - smtpd",
		},
		"-P": {
			"sealcleanup/unix/milter_macro_daemon_name = LOCALSUBMIT",
			"sealcleanup/unix/non_smtpd_milters = { inet:" + r.listen + ", default_action=tempfail,",
			r.reinject + "/inet/smtpd_client_restrictions = check_policy_service inet:" + r.listen + ", reject",
		},
	})
}

// openHouse is a main.cf that trusts loopback in every way there is. The loopback listener must not inherit any.
const openHouse = `
smtpd_client_restrictions = permit
smtpd_helo_restrictions = permit
smtpd_sender_restrictions = permit
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, permit
smtpd_recipient_restrictions = permit
smtpd_policy_service_default_action = OK
smtpd_delay_reject = no
smtpd_sasl_exceptions_networks =
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_authorized_xforward_hosts = 127.0.0.0/8
`

func TestLoopbackListenerIsLocked(t *testing.T) {
	r := startRelay(t, openHouse)
	guard, stopGuard := startGuard(t, r.listen)

	stranger := labtest.Dial(r.ctx, t, r.reinject)
	labtest.Unannounced(t, stranger, "AUTH", "XCLIENT", "XFORWARD", "STARTTLS")
	labtest.Said(t, "503 5.5.1")(stranger.AuthPlain("alice", "secret"))
	labtest.Said(t, "550 5.7.0")(stranger.Command("XCLIENT PORT=1"))
	labtest.Said(t, "550 5.7.0")(stranger.Command("XFORWARD NAME=x"))
	labtest.Said(t, "5")(stranger.Command("ETRN example.net"))
	labtest.Said(t, "250")(stranger.Mail("alice@lab.test"))
	labtest.Said(t, "554 5.7.1")(stranger.Rcpt("bob@example.net"))
	labtest.Said(t, "554 5.5.1")(stranger.Command("DATA"))
	// Postfix exempts <postmaster> from every restriction at RCPT TO.
	labtest.Said(t, "250")(stranger.Rcpt("postmaster"))
	labtest.Said(t, "554 5.7.1")(stranger.Command("DATA"))
	labtest.Said(t, "250")(stranger.Command("RSET"))
	labtest.Said(t, "250")(stranger.Mail("alice@lab.test"))

	// A client is known by its port: another of the same host gains nothing while it is connected.
	ours := labtest.Dial(r.ctx, t, r.reinject)
	guard.admit(ours.LocalAddr())
	for range 2 {
		labtest.Said(t, "250")(ours.Mail("alice@lab.test", "RET=HDRS", "ENVID=e", "SMTPUTF8"))
		labtest.Said(t, "554 5.7.1")(stranger.Rcpt("bob@example.net"))
		labtest.Said(t, "250")(ours.Rcpt("bob@example.net", "NOTIFY=FAILURE", "ORCPT=rfc822;list@example.net"))
		labtest.Said(t, "250 2.0.0")(ours.Data([]byte("Subject: t\r\n\r\nhello\r\n")))
	}
	var request map[string]string
	for _, seen := range guard.seen() {
		if seen["protocol_state"] == "RCPT" {
			request = seen
		}
	}
	host, port, _ := net.SplitHostPort(ours.LocalAddr().String())
	for name, want := range map[string]string{
		"request": "smtpd_access_policy", "client_address": host, "client_port": port,
		"sender": "alice@lab.test", "recipient": "bob@example.net",
	} {
		if request[name] != want {
			t.Errorf("the policy request has %s=%q, want %q", name, request[name], want)
		}
	}

	// Without an answer nobody gets in, and is told to try again.
	stopGuard()
	labtest.Said(t, "250")(ours.Mail("alice@lab.test"))
	labtest.Said(t, "451 4.7.1")(ours.Rcpt("bob@example.net"))

	labtest.WaitEmpty(r.ctx, t, r)
	all := r.sink.Deliveries()
	if len(all) != 2 {
		t.Fatalf("%d messages were relayed, want 2: %+v", len(all), all)
	}
	args := strings.Join(append(all[0].MailArgs, all[0].RcptArgs...), " ")
	for _, want := range []string{"RET=HDRS", "ENVID=e", "SMTPUTF8", "NOTIFY=FAILURE", "ORCPT=rfc822;list@example.net"} {
		if !strings.Contains(args, want) {
			t.Errorf("the parameters %q lack %s", args, want)
		}
	}
}

// What the front listener has done to a message before sealmilter saw it is not done to a copy again; what Postfix does
// to the envelope behind sealmilter is.
func TestCopiesAreMappedOnce(t *testing.T) {
	r := startRelay(t, `
sender_canonical_maps = inline:{ alice@lab.test=alice@example.org }
sender_canonical_classes = envelope_sender, header_sender
virtual_alias_domains = lists.lab.test
virtual_alias_maps = inline:{ { team@lists.lab.test = bob@example.net, carol@example.net } }
header_checks = regexp:{ {/^X-Checked: (.*)/ REPLACE X-Checked: $1 again} }
always_bcc = archive@lab.test
`)
	guard, _ := startGuard(t, r.listen)
	ours := labtest.Dial(r.ctx, t, r.reinject)
	guard.admit(ours.LocalAddr())
	const header = "From: alice@lab.test\r\nX-Checked: once\r\nTo: undisclosed\r\n\r\n"
	_, last, err := ours.Send("alice@lab.test", []string{"team@lists.lab.test"}, []byte(header+"hello\r\n"))
	labtest.Said(t, "250")(last, err)
	labtest.WaitEmpty(r.ctx, t, r)
	for _, recipient := range []string{"bob@example.net", "carol@example.net", "archive@lab.test"} {
		got := r.sink.Mailbox(recipient)
		if len(got) != 1 || got[0].From != "alice@example.org" || !strings.Contains(string(got[0].Data), "\r\n"+header) {
			t.Errorf("%s got %+v", recipient, got)
		}
	}
	if all := r.sink.Deliveries(); len(all) != 3 {
		t.Errorf("%d deliveries, want 3", len(all))
	}
}

// While sealmilter is down, nothing is taken from clients, and what programs on this host hand in waits.
func TestWithoutSealmilterNothingLeaves(t *testing.T) {
	r := startRelay(t, "")
	client := labtest.Dial(r.ctx, t, r.Addr)
	labtest.Said(t, "451 4.7.1")(client.Mail("alice@lab.test"))

	err := r.Sendmail(r.ctx, []byte("Subject: t\n\nhello\n"), "-f", "alice@lab.test", "bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WaitLog(r.ctx, "milter-reject"); err != nil {
		t.Fatal(err)
	}
	queue, err := r.Queue(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(queue) != 1 || queue[0].Queue != "maildrop" {
		t.Errorf("the queue holds %+v", queue)
	}
	if all := r.sink.Deliveries(); len(all) != 0 {
		t.Errorf("sent: %+v", all)
	}
}
