package gate

import (
	"context"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// A test message shows that the MTA asks the gate, and that the gate reaches the MTA's listener for copies. It is refused
// in any case, so the mark that makes one is no way past anything.
const (
	// TestField is the header field of a test message; its text is the token.
	TestField = "X-Sealmilter-Test"
	// TestEnvelope is the ENVID of a test message (RFC 3461, section 4.4). With it the gate takes every recipient, who
	// are refused together at the end; where the MTA does not offer DSN, the field alone does, and a recipient without a
	// key may be refused before it is seen.
	TestEnvelope = "sealmilter-test"
)

// TestReply is the text of the answer to a test message.
func TestReply(token string, copies bool) string {
	if copies {
		return "sealmilter has seen the test message " + token + "; copies can be sent"
	}
	return "sealmilter has seen the test message " + token + "; copies cannot be sent, its log says why"
}

// testEnvelope reports whether a transaction is marked as a test. Only programs on this host can test.
func testEnvelope(env *mail.Envelope) bool {
	id, _ := mail.Arg(env.Args, "ENVID")
	return id == TestEnvelope && env.Client.IsLoopback()
}

// testToken returns the token of a test message, "" for any other message and for what cannot be a token. What a program
// hands in without SMTP is no test: the MTA would answer with a bounce that quotes it.
func (t *Transaction) testToken(m *mail.Message) string {
	token := m.Header.Get(TestField)
	if len(token) != 32 || t.origin == NonSMTP || !m.Envelope.Client.IsLoopback() {
		return ""
	}
	for _, c := range []byte(token) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return token
}

// answerTest tries the listener for copies and refuses the test message.
func (g *Gate) answerTest(ctx context.Context, m *mail.Message, token string) error {
	if token == "" || len(m.Envelope.Recipients) == 0 {
		return mail.Reject("5.7.0", "This is no test message: it has no token", nil)
	}
	err := g.Outbox.Try(ctx, m.Envelope.Sender, m.Envelope.Recipients[0].Addr)
	if err != nil {
		event.TestFailed.Log(g.Log, event.QueueID(m.Envelope.QueueID), event.Err(err))
	} else {
		event.TestDone.Log(g.Log, event.QueueID(m.Envelope.QueueID))
	}
	return mail.Reject("5.7.0", TestReply(token, err == nil), err)
}
