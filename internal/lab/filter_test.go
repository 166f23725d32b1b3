package lab_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func TestFilter(t *testing.T) {
	filter := labtest.StartFilter(t)
	filter.Add("X-Seen: once")
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr, Main: "smtpd_milters = inet:" + filter.Addr + "\n"})
	client := dial(t, postfix.Addr)
	body := strings.Repeat("a line of the text\r\n", 5000)
	send := func(want string) {
		t.Helper()
		_, last, err := client.Send("a@example.org", []string{"b@example.net", "c@example.net"},
			[]byte("From: a@example.org\r\nSubject:  two\r\n lines\r\n\r\n"+body))
		labtest.Said(t, want)(last, err)
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
