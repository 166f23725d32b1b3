package lab_test

import (
	"strings"
	"testing"

	"sealmilter/internal/lab"
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
	said(t, "535")(stranger.AuthPlain("alice", "wrong"))
	said(t, "535")(stranger.AuthPlain("mallory", ""))
	said(t, "250")(stranger.Mail("alice@lab.test"))
	said(t, "554 5.7.1")(stranger.Rcpt("b@example.net"))

	for user, password := range map[string]string{"alice": "secret", "bob@lab.test": ""} {
		client := dial(t, postfix.Addr)
		said(t, "235")(client.AuthPlain(user, password))
		said(t, "250")(client.Mail("alice@lab.test"))
		said(t, "250")(client.Rcpt("b@example.net"))
	}
}
