package scripted_test

import (
	"bytes"
	"strings"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// submitter shows mail from a local program, whose user stands in the Received field that Postfix's pickup service has made.
// Only the first field of all is Postfix's, and only with the name of this very message: everything else was written by the
// program, and believing it would be to sign for anybody.
func submitter(t *testing.T, b *bench) {
	const mine = " by mx.lab.test (Postfix, from userid 0)\n\tid 4QMINE; Mon, 2 Mar 2026 10:00:00 +0100"
	forged := strings.ReplaceAll(mine, "4QMINE", "4QOLD")
	for name, header := range map[string]struct {
		received []string
		daemon   string
		ours     bool
	}{
		"Postfix's own":          {[]string{mine}, "LOCALSUBMIT", true},
		"above a forged one":     {[]string{mine, forged}, "LOCALSUBMIT", true},
		"none":                   {nil, "LOCALSUBMIT", false},
		"of another message":     {[]string{forged}, "LOCALSUBMIT", false},
		"below another":          {[]string{forged, mine}, "LOCALSUBMIT", false},
		"at a door of another":   {[]string{mine}, "smtpd", false},
		"with a word more":       {[]string{mine + " x\n\ty"}, "LOCALSUBMIT", false},
		"by a number that is no": {[]string{strings.ReplaceAll(mine, "userid 0", "userid 0x0")}, "LOCALSUBMIT", false},
	} {
		c, err := scripted.Negotiate(b.dial(t), scripted.Everything())
		said(t, err)
		said(t, c.Macros('C', "v", "Postfix 3.7.11", "j", "mx.lab.test", "{daemon_name}", header.daemon))
		wants(t, scripted.Continue)(c.Connect("localhost", addrPort("127.0.0.1:0")))
		wants(t, scripted.Continue)(c.Helo("localhost"))
		l := b.write("bob@example.net")
		said(t, c.Macros('M', "i", "4QMINE"))
		wants(t, scripted.Continue)(c.Mail("alice@example.org"))
		wants(t, scripted.Continue)(c.Rcpt("bob@example.net"))
		wants(t, scripted.Continue)(c.Data())
		var fields []scripted.Field
		for _, r := range header.received {
			fields = append(fields, scripted.Field{Name: "Received", Value: r})
		}
		fields = append(fields, l.header()...)
		shown(t, c, fields, l.body())
		said(t, c.Macros('E', "i", "4QMINE"))
		edits, a, err := c.EndOfMessage(nil)
		said(t, err)
		if !header.ours {
			if a.Code != scripted.ReplyCode || !strings.HasPrefix(a.Reply, "451 4.7.0 ") {
				t.Errorf("%s: the answer is %c %s", name, a.Code, a.Reply)
			}
			said(t, c.Quit())
			continue
		}
		wants(t, scripted.Continue)(a, nil)
		text := applied(t, l, fields, edits).Bytes()
		checkSealed(t, "<bob@example.net>", text, l, nil)
		if bytes.Contains(text, []byte("4QMINE")) {
			t.Errorf("%s: the field is still there:\n%.2000s", name, text)
		}
		said(t, c.Quit())
	}
}
