package split_test

import (
	"bytes"
	"strings"
	"testing"

	"sealmilter/deploy/postfix"
	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// Postfix knows every parameter of the fragments and has nothing to say about them.
func TestPostfixTakesEveryLine(t *testing.T) {
	t.Parallel()
	r := startRelay(t, newWorld(t), "")
	labtest.Postconf(r.ctx, t, r.Postfix, map[string][]string{
		"-n": {
			"milter_macro_daemon_name = SEALFRONT",
			"content_filter = sealsplit:[127.0.0.1]:" + strings.TrimPrefix(r.inner, "127.0.0.1:"),
			"milter_default_action = tempfail",
			"bounce_size_limit = 1",
		},
		"-M": {
			"sealsplit unix - - n - 4 smtp",
			"pickup unix n - n 60 1 pickup -o cleanup_service_name=sealcleanup",
			r.inner + " inet n - n - - smtpd",
		},
		"-P": {
			r.inner + "/inet/milter_macro_daemon_name = SEALINNER",
			r.inner + "/inet/content_filter =",
			"sealcleanup/unix/milter_macro_daemon_name = SEALFRONTLOCAL",
		},
	})
}

// TestLoopbackListenerIsTheSame holds the listener for notices to that of the fragments one folder up, which is tested
// there, but for what makes its mail stay out of the split.
func TestLoopbackListenerIsTheSame(t *testing.T) {
	service := func(master string) string {
		_, after, _ := strings.Cut(master, "\n"+split.Reinject+" ")
		options, _, _ := strings.Cut(after, "\n\n")
		return options
	}
	here := service(split.MasterCF(split.Listen, split.Reinject, split.Inner))
	there := service(postfix.MasterCF(split.Listen, split.Reinject))
	if here == "" || strings.Replace(here, "\n  -o content_filter=", "", 1) != there {
		t.Errorf("the listener is\n%s\nand there\n%s", here, there)
	}
}

// openHouse is a main.cf that trusts everybody, and sends what cannot be sent elsewhere.
const openHouse = `
smtpd_client_restrictions = permit
smtpd_sender_restrictions = permit
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_delay_reject = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_authorized_xforward_hosts = 127.0.0.0/8
header_checks = regexp:{ {/^X-Checked: (.*)/ REPLACE X-Checked: $$1 again} }
smtpd_discard_ehlo_keywords = dsn
sender_canonical_maps = inline:{ alice@xn--bcher-kva.example=alice@example.org }
sender_canonical_classes = envelope_sender, header_sender
always_bcc = archive@example.com
notify_classes = bounce, 2bounce, delay, policy, protocol, resource, software
`

// TestInnerListenerTakesNothingElse tries what a program on the host can try at the inner listener.
func TestInnerListenerTakesNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelay(t, w, strings.ReplaceAll(openHouse, "notify_classes", "#"))
	milter := serve(t, w, "")

	client := labtest.Dial(r.ctx, t, r.inner)
	labtest.Unannounced(t, client, "AUTH", "XCLIENT", "XFORWARD", "STARTTLS")
	labtest.Said(t, "5")(client.Command("XCLIENT LOGIN=alice"))
	labtest.Said(t, "503 5.5.1")(client.AuthPlain("alice", "alice"))
	labtest.Said(t, "5")(client.Command("ETRN example.net"))
	const header = "From: alice@example.org\r\nTo: bob@example.net\r\nSubject: s\r\nMessage-ID: <inner@client.example>\r\n"
	for name, message := range map[string]string{
		"clear text":  header + "\r\ntext\r\n",
		"no body":     header + "\r\n",
		"marks":       header + "X-Sealmilter-Pass: login=alice\r\nContent-Type: application/x-sealmilter-pass\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJDRA==\r\n",
		"null sender": header + "\r\n" + strings.Repeat("QUJDRA==\r\n", 100),
	} {
		from := "alice@example.org"
		if name == "null sender" {
			from = ""
		}
		_, last, err := client.Send(from, []string{"bob@example.net"}, []byte(message))
		labtest.Said(t, "550 5.7.0 This listener takes what the front listener has checked")(last, err)
	}
	labtest.Said(t, "250")(client.Mail("alice@example.org"))
	labtest.Said(t, "250")(client.Rcpt("postmaster"))
	labtest.Said(t, "550 5.7.0")(client.Data([]byte(header + "\r\ntext\r\n")))
	labtest.WaitEmpty(r.ctx, t, r)
	if all := w.Sink.Deliveries(); len(all) != 0 {
		t.Errorf("sent: %+v", all)
	}
	if n := strings.Count(milter.Log(), "a message without a valid pass was refused"); n != 5 {
		t.Errorf("%d refusals were logged:\n%s", n, milter.Log())
	}
}

// TestInnerListenerIsForPostfixAlone has another user of the host bring a good pass, which root has taken from the queue.
func TestInnerListenerIsForPostfixAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelayWithDoor(t, w, "")
	milter := serve(t, w, "")
	r.door.set(true, 0)
	r.submit(t, fault("stolen", 3), "bob@example.net")
	if err := r.WaitDeferred(r.ctx, 1); err != nil {
		t.Fatal(err)
	}
	queue, err := r.Queue(r.ctx)
	if err != nil || len(queue) != 1 {
		t.Fatal(queue, err)
	}
	stolen, err := r.Command(r.ctx, "postcat", "-bhq", queue[0].ID).Output()
	if err != nil || !bytes.Contains(stolen, []byte("application/x-sealmilter-pass")) {
		t.Fatalf("%s: %v", stolen, err)
	}
	stolen = bytes.ReplaceAll(stolen, []byte("\n"), []byte("\r\n"))
	r.door.set(false, 0)

	for user, want := range map[string]string{"games": "550 5.7.1 This listener is for the mail server itself", "root": "250"} {
		client, err := lab.DialAs(r.ctx, user, r.inner)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Drop()
		_, last, err := client.Send("alice@example.org", []string{"dave@example.net"}, stolen)
		labtest.Said(t, want)(last, err)
	}
	retried(t, r, 1)
	labtest.WaitEmpty(r.ctx, t, r)
	sealed(t, w, "bob@example.net")
	sealed(t, w, "dave@example.net")
	if n := strings.Count(milter.Log(), "a stranger at the inner listener was refused"); n != 1 {
		t.Errorf("%d refusals were logged:\n%s", n, milter.Log())
	}
}

// TestEverythingIsDoneOnce has Postfix change messages and envelopes in every way it knows: at the front, and nowhere else.
func TestEverythingIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelay(t, w, openHouse)
	serve(t, w, "")

	client := labtest.Login(r.ctx, t, r.Addr, "alice")
	const message = "From: alice@xn--bcher-kva.example\r\nTo: bob@example.net, erin@example.com\r\nX-Checked: once\r\nMessage-ID: <once@client.example>\r\n\r\ntext\r\n"
	_, last, err := client.Send("alice@xn--bcher-kva.example", []string{"bob@example.net", "erin@example.com"}, []byte(message))
	labtest.Said(t, "250")(last, err)
	labtest.WaitEmpty(r.ctx, t, r)
	for _, to := range []string{"bob@example.net", "erin@example.com", "archive@example.com"} {
		got := w.Sink.Mailbox(to)
		if len(got) != 1 {
			t.Errorf("%s got %d messages", to, len(got))
			continue
		}
		text := string(got[0].Data)
		encrypted := strings.Contains(text, "BEGIN PGP MESSAGE")
		if encrypted != (to == "bob@example.net") || !strings.Contains(text, "From: alice@example.org") {
			t.Errorf("%s got\n%s", to, text)
		}
		if !encrypted && (strings.Count(text, "X-Checked: once again") == 0 || strings.Contains(text, "again again")) {
			t.Errorf("%s got\n%s", to, text)
		}
	}
	if all := w.Sink.Deliveries(); len(all) != 3 {
		t.Errorf("%d deliveries, want 3", len(all))
	}
	noPass(r.ctx, t, w.Sink.Deliveries())
}

// TestEnvelopeIsKept has the next hop see what the client has asked for.
func TestEnvelopeIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := startRelay(t, w, "")
	serve(t, w, "")
	client := labtest.Login(r.ctx, t, r.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org", "RET=HDRS", "ENVID=e+2B1", "SMTPUTF8", "BODY=8BITMIME"))
	labtest.Said(t, "250")(client.Rcpt("jürgen@example.com", "NOTIFY=SUCCESS,FAILURE", "ORCPT=utf-8;list@example.com"))
	labtest.Said(t, "250")(client.Rcpt("erin@example.com", "NOTIFY=NEVER"))
	const text = "From: Älice <alice@example.org>\r\nTo: jürgen@example.com\r\nSubject: grün\r\nMessage-ID: <env-2@client.example>\r\n\r\ntext\r\n"
	labtest.Said(t, "250")(client.Data([]byte(text)))
	labtest.WaitEmpty(r.ctx, t, r)
	for to, want := range map[string]string{
		"jürgen@example.com": "BODY=8BITMIME ENVID=e+2B1 RET=HDRS SMTPUTF8 NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;list@example.com",
		"erin@example.com":   "BODY=8BITMIME ENVID=e+2B1 RET=HDRS SMTPUTF8 NOTIFY=NEVER",
	} {
		got := w.Sink.Mailbox(to)
		if len(got) != 1 {
			t.Fatalf("%s got %d messages", to, len(got))
		}
		args := " " + strings.Join(append(got[0].MailArgs, got[0].RcptArgs...), " ") + " "
		for _, arg := range strings.Fields(want) {
			if !strings.Contains(args, " "+arg+" ") {
				t.Errorf("the parameters for %s are %s, without %s", to, args, arg)
			}
		}
		if !bytes.Contains(got[0].Data, []byte("\r\nTo: jürgen@example.com\r\n")) {
			t.Errorf("%s got\n%s", to, got[0].Data)
		}
	}
}

// TestNextHopWithoutUTF8 has copies that cannot go on because of an address in UTF-8. Postfix returns each to its sender,
// and none shows what was encrypted.
func TestNextHopWithoutUTF8(t *testing.T) {
	t.Parallel()
	w := newWorldBefore(t, true)
	r := startRelay(t, w, "")
	serve(t, w, "")
	client := labtest.Login(r.ctx, t, r.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org", "SMTPUTF8"))
	labtest.Said(t, "250")(client.Rcpt("dörte@münchen.example"))
	labtest.Said(t, "250")(client.Rcpt("bob@example.net"))
	labtest.Said(t, "250")(client.Data([]byte("From: alice@example.org\r\nTo: dörte@münchen.example\r\nSubject: " + labtest.Subject +
		"\r\nMessage-ID: <hop@client.example>\r\n\r\n" + labtest.Text + "\r\n")))
	labtest.WaitEmpty(r.ctx, t, r)
	got := w.Sink.Deliveries()
	if len(got) != 2 {
		t.Errorf("%d messages left", len(got))
	}
	for _, d := range got {
		if d.To != "alice@example.org" || d.From != "" {
			t.Errorf("%s got a message from %q", d.To, d.From)
		}
		nothingClear(t, d)
	}
}
