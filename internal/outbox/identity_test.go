package outbox_test

import (
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// TestIdentity changes one thing of a message after the other.
func TestIdentity(t *testing.T) {
	const header = "Message-ID: <1@client.example>\nSubject: x\nReceived: from a\n"
	for _, tc := range []struct {
		name   string
		change func(m *mail.Message)
		same   bool
	}{
		{"nothing", func(m *mail.Message) {}, true},
		{"sender", func(m *mail.Message) { m.Envelope.Sender = recipient(t, "carol@example.org").Addr }, false},
		{"null sender", func(m *mail.Message) { m.Envelope.Sender = mail.Addr{} }, false},
		{"login", func(m *mail.Message) { m.Envelope.Login = "carol" }, false},
		{"local user", func(m *mail.Message) { m.Envelope.User = "carol" }, false},
		{"local user in the place of a login", func(m *mail.Message) { m.Envelope.Login, m.Envelope.User = "", "alice" }, false},
		{"body", func(m *mail.Message) { m.Body = append([]byte("\r\n"), m.Body...) }, false},
		{"end of header", func(m *mail.Message) { m.Header = append(m.Header, mail.Field{Name: "X", Value: " y"}) }, false},
		{"queue id", func(m *mail.Message) { m.Envelope.QueueID = "4XyZ" }, true},
		{"client's port", func(m *mail.Message) { m.Envelope.ClientPort = 1 }, true},
		{"the way", func(m *mail.Message) { m.Header[2].Value = " from b" }, true},
		{"the subject becomes a trace field", func(m *mail.Message) { m.Header[1].Name = "Received" }, false},
	} {
		one, other := message(t, header), message(t, header)
		tc.change(other)
		if got := outbox.Identify(one) == outbox.Identify(other); got != tc.same {
			t.Errorf("%s: the same message: %t, want %t", tc.name, got, tc.same)
		}
	}
	to := func(s ...string) (all []mail.Recipient) {
		for _, addr := range s {
			all = append(all, recipient(t, addr))
		}
		return all
	}
	id := outbox.Identify(message(t, header))
	if id.For(to("a@x.example", "b@x.example")) == id.For(to("a@x.example")) || id.For(to("a@x.example")) == id.For(to("b@x.example")) {
		t.Error("parts for different recipients are the same")
	}
}
