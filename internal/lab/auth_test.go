package lab_test

import (
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func TestAuth(t *testing.T) {
	auth, err := lab.StartAuth(map[string]string{"alice": "secret", "bob@lab.test": ""})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	postfix := startPostfix(t, lab.PostfixConfig{Auth: auth.Addr, Main: "smtpd_recipient_restrictions = permit_sasl_authenticated, reject\n"})

	stranger := dial(t, postfix.Addr)
	if !strings.Contains(stranger.Extensions.String(), "AUTH PLAIN") {
		t.Errorf("Postfix announces %q", stranger.Extensions)
	}
	labtest.Said(t, "535")(stranger.AuthPlain("alice", "wrong"))
	labtest.Said(t, "535")(stranger.AuthPlain("mallory", ""))
	labtest.Said(t, "250")(stranger.Mail("alice@lab.test"))
	labtest.Said(t, "554 5.7.1")(stranger.Rcpt("b@example.net"))

	for user, password := range map[string]string{"alice": "secret", "bob@lab.test": ""} {
		client := dial(t, postfix.Addr)
		labtest.Said(t, "235")(client.AuthPlain(user, password))
		labtest.Said(t, "250")(client.Mail("alice@lab.test"))
		labtest.Said(t, "250")(client.Rcpt("b@example.net"))
	}
}
