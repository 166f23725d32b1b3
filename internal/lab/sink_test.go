package lab_test

import (
	"context"
	"errors"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// The sink keeps what a client sent, not what a line reader makes of it.
func TestSinkKeepsBytes(t *testing.T) {
	for name, message := range map[string]string{
		"dots":            "a\r\n.\r\n..b\r\n",
		"bare line feed":  "a\nb\r\n",
		"bare CR and NUL": "a\rb\x00\r\n",
		"a long line":     "a" + string(make([]byte, 1<<20)) + "\r\n",
		"empty":           "",
	} {
		t.Run(name, func(t *testing.T) {
			sink := startSink(t, lab.SinkConfig{})
			_, last, err := dial(t, sink.Addr).Send("a@lab.test", []string{"b@lab.test"}, []byte(message))
			labtest.Said(t, "250")(last, err)
			if got := sink.Mailbox("b@lab.test"); len(got) != 1 || string(got[0].Data) != message {
				t.Errorf("the mailbox holds %.100q", got)
			}
		})
	}
}

// A dot after a bare line feed ends nothing.
func TestSinkEndsAtCRLFDotCRLF(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	client := dial(t, sink.Addr)
	labtest.Said(t, "250")(client.Mail(""))
	labtest.Said(t, "250")(client.Rcpt("b@lab.test"))
	labtest.Said(t, "354")(client.Command("DATA"))
	labtest.Said(t, "250")(client.Command("a\n.\r\nb\r\n..c\r\n."))
	if got := string(sink.Deliveries()[0].Data); got != "a\n.\r\nb\r\n.c\r\n" {
		t.Errorf("the sink kept %q", got)
	}
}

func TestSinkRefuses(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	sink.Refuse("b@lab.test", "550 5.1.1 No such user")
	client := dial(t, sink.Addr)
	rcpt, last, err := client.Send("a@lab.test", []string{"b@lab.test", "c@lab.test"}, []byte("x\r\n"))
	labtest.Said(t, "250")(last, err)
	labtest.Said(t, "550 5.1.1 No such user")(rcpt[0], nil)
	labtest.Said(t, "250")(rcpt[1], nil)
	_, last, err = client.Send("a@lab.test", []string{"b@lab.test"}, nil)
	labtest.Said(t, "550 5.1.1")(last, err)
	if all := sink.Deliveries(); len(all) != 1 || all[0].To != "c@lab.test" || len(all[0].Recipients) != 1 {
		t.Errorf("the sink kept %+v", all)
	}
}

func TestSinkWait(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sink.Wait(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain gave: %v", err)
	}
	client := dial(t, sink.Addr)
	done := make(chan error, 1)
	go func() {
		_, err := sink.Wait(bounded(t), 2)
		done <- err
	}()
	_, last, err := client.Send("a@lab.test", []string{"b@lab.test", "c@lab.test"}, []byte("x\r\n"))
	labtest.Said(t, "250")(last, err)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
