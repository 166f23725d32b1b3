package lab_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

func startOpenDKIM(t *testing.T, config lab.OpenDKIMConfig) *lab.OpenDKIM {
	t.Helper()
	config.Progress = t.Output()
	signer, err := lab.StartOpenDKIM(bounded(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := signer.Close(); err != nil {
			t.Error(err)
		}
	})
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
		said(t, want)(last, err)
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

func TestFilter(t *testing.T) {
	filter, err := lab.StartFilter("X-Seen: once")
	if err != nil {
		t.Fatal(err)
	}
	defer filter.Close()
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr, Main: "smtpd_milters = inet:" + filter.Addr + "\n"})
	client := dial(t, postfix.Addr)
	body := strings.Repeat("a line of the text\r\n", 5000)
	send := func(want string) {
		t.Helper()
		_, last, err := client.Send("a@example.org", []string{"b@example.net", "c@example.net"},
			[]byte("From: a@example.org\r\nSubject:  two\r\n lines\r\n\r\n"+body))
		said(t, want)(last, err)
	}
	filter.Refuse("451 4.7.1 Not now")
	send("451 4.7.1 Not now")
	filter.Refuse("")
	send("250")
	all, err := sink.Wait(bounded(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(all[0].Data, []byte("X-Seen: once\r\n")) {
		t.Errorf("no field was added to\n%.500s", all[0].Data)
	}
	seen := filter.Screenings()
	if len(seen) != 2 {
		t.Fatalf("%d messages were shown", len(seen))
	}
	for _, s := range seen {
		if s.From != "<a@example.org>" || !slices.Equal(s.To, []string{"<b@example.net>", "<c@example.net>"}) ||
			!bytes.Contains(s.Header, []byte("Subject:  two\r\n lines\r\n")) || string(s.Body) != body {
			t.Errorf("shown: %q to %q\n%s\n%d octets", s.From, s.To, s.Header, len(s.Body))
		}
	}
}
