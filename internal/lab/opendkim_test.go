package lab_test

import (
	"bytes"
	"slices"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func startOpenDKIM(t *testing.T, config lab.OpenDKIMConfig) *lab.OpenDKIM {
	t.Helper()
	config.Progress = t.Output()
	signer, err := lab.StartOpenDKIM(bounded(t), config)
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, signer.Close)
	return signer
}

// The signer signs its own domain's mail and no other, and its verifier sees what was changed.
func TestOpenDKIM(t *testing.T) {
	signer := startOpenDKIM(t, lab.OpenDKIMConfig{Domain: "example.org"})
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr, Main: "smtpd_milters = inet:" + signer.Addr + "\n"})
	client := dial(t, postfix.Addr)
	send := func(from, want string) {
		_, last, err := client.Send(from, []string{"b@example.net"}, []byte("From: "+from+"\r\nSubject: t\r\n\r\nhello\r\n"))
		labtest.Said(t, want)(last, err)
	}
	send("a@example.org", "250")
	send("a@example.com", "250")

	if err := signer.Stop(); err != nil {
		t.Fatal(err)
	}
	send("a@example.org", "451")
	if err := signer.Start(bounded(t)); err != nil {
		t.Fatal(err)
	}
	client = dial(t, postfix.Addr)
	send("a@example.org", "250")

	all, err := sink.Wait(bounded(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		err := signer.Verify(bounded(t), d.Data)
		if own := d.From == "a@example.org"; own != (err == nil) {
			t.Errorf("from %s: %v", d.From, err)
		}
		if signer.Verify(bounded(t), bytes.Replace(d.Data, []byte("hello"), []byte("hullo"), 1)) == nil {
			t.Error("a changed message verifies")
		}
	}
	if got, err := signer.LookupTXT("lab._domainkey.example.org."); err != nil || !slices.Equal(got, []string{signer.Record}) {
		t.Errorf("the record is %q, %v", got, err)
	}
	if _, err := signer.LookupTXT("lab._domainkey.example.com"); err == nil {
		t.Error("another domain has a record")
	}
}
