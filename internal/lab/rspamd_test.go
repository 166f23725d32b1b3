package lab_test

import (
	"bytes"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func TestRspamd(t *testing.T) {
	filter, err := lab.StartRspamd(bounded(t), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Log(filter.Log())
		}
		if err := filter.Close(); err != nil {
			t.Error(err)
		}
	}()
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr, Main: "smtpd_milters = inet:" + filter.Addr + "\n"})
	client := dial(t, postfix.Addr)
	// One who is named but gets nothing makes the filter name those who get it unnamed.
	send := func(text string) (lab.Reply, error) {
		_, last, err := client.Send("a@example.org", []string{"b@example.net", "hidden@example.com"},
			[]byte("From: a@example.org\r\nTo: b@example.net, absent@example.info\r\nSubject: t\r\nMessage-ID: <1@example.org>\r\n\r\n"+text+"\r\n"))
		return last, err
	}
	labtest.Said(t, "554 5.7.1")(send("XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"))
	labtest.Said(t, "250")(send("hello"))
	all, err := sink.Wait(bounded(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"X-Spamd-Result: ", "s:hidden@example.com"} {
		if !bytes.Contains(all[0].Data, []byte(want)) {
			t.Errorf("the message lacks %q:\n%s", want, all[0].Data)
		}
	}
}
