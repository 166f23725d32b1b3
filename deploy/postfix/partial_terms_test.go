package postfix_test

import (
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestListenerThatTakesLess has a loopback listener with a smaller size limit than the listener in front, and without
// extensions that the latter has. What a copy cannot do without is found out before anything leaves.
func TestListenerThatTakesLess(t *testing.T) {
	t.Parallel()
	p := startPartial(t, "  -o message_size_limit=20000\n  -o smtpd_discard_ehlo_keywords=8bitmime,smtputf8,dsn\n")
	all := []string{"dave@example.net", "bob@example.net", "erin@example.com"}
	large := labtest.Message("large", "") + strings.Repeat("0123456789 0123456789 0123456789 0123456789\r\n", 350)
	for _, tc := range []struct {
		name, message, want string
		to, args            []string
	}{
		{"too large once it is encrypted", large, "552 5.3.4", all, nil},
		{"SMTPUTF8", labtest.Message("utf8", ""), "550 5.6.7", all, []string{"SMTPUTF8"}},
		{"8BITMIME", labtest.Message("8bit", "") + "8-bit \xe4\r\n", "554 5.6.3", []string{"a@pass.example", "b@pass.example"}, []string{"BODY=8BITMIME"}},
	} {
		client := labtest.Login(p.ctx, t, p.Addr, "alice")
		labtest.Said(t, "250")(client.Mail("alice@example.org", tc.args...))
		for _, to := range tc.to {
			labtest.Said(t, "250")(client.Rcpt(to))
		}
		reply, err := client.Data([]byte(tc.message))
		if err != nil || !strings.HasPrefix(reply.String(), tc.want) {
			t.Errorf("%s: %v, %v", tc.name, reply, err)
		}
		client.Drop()
		p.arrived(t)
	}

	// A local program's sender is told of everybody, as nothing has left.
	message := strings.ReplaceAll(large, "\r\n", "\n")
	if err := p.Sendmail(p.ctx, []byte(message), append([]string{"-f", "alice@example.org"}, all...)...); err != nil {
		t.Fatal(err)
	}
	if _, err := p.world.Sink.Wait(p.ctx, 1); err != nil {
		t.Fatal(err)
	}
	p.arrived(t, "alice@example.org: not to "+strings.Join(all, " "))

	// Without DSN the message goes all the same (RFC 3461, section 5.2.2).
	client := labtest.Login(p.ctx, t, p.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org", "RET=HDRS"))
	for _, to := range all {
		labtest.Said(t, "250")(client.Rcpt(to, "NOTIFY=FAILURE"))
	}
	labtest.Said(t, "250")(client.Data([]byte(labtest.Message("dsn", ""))))
	p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted", "erin@example.com: signed")
}
