package gate

import (
	"log/slog"
	"sync"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// tell logs an event about a message. Nothing of the message's content is among the attributes.
func (g *Gate) tell(k event.Kind, m *mail.Message, attrs ...slog.Attr) {
	k.Log(g.Log, append([]slog.Attr{event.QueueID(m.Envelope.QueueID), event.MessageID(m.Header.Get("Message-ID"))}, attrs...)...)
}

// tellDecision is the event of one recipient.
func (g *Gate) tellDecision(env *mail.Envelope, header mail.Header, d Decision, why string, more ...slog.Attr) {
	g.observer().Decided(d.Do, d.verdict.String())
	attrs := []slog.Attr{
		event.QueueID(env.QueueID), event.MessageID(header.Get("Message-ID")), event.From(env.Sender), event.To(d.To.Addr), event.Login(env.Login),
	}
	if env.Login == "" {
		attrs = append(attrs, event.User(env.User))
	}
	attrs = append(attrs, event.Decision(d.Do.String()), event.Mode(string(d.Mode)), event.Rule(d.Rule), event.Why(why))
	if d.Cert != nil {
		attrs = append(attrs, event.Key(d.Cert.Fingerprint()), event.Source(d.Source), event.Trust(d.Level.String()))
	}
	event.CopyDecided(d.Do.String()).Log(g.Log, append(attrs, more...)...)
}

func (g *Gate) tellRefusals(m *mail.Message, refused []Decision) {
	for _, d := range refused {
		g.tellDecision(m.Envelope, m.Header, d, d.Why)
	}
}

// tellRefusal is the event of a message that nobody gets, or not yet. The error's cause is for whoever answers the client.
func (g *Gate) tellRefusal(env *mail.Envelope, header mail.Header, err error) {
	failure := mail.AsFailure(err)
	k := event.MessageRefused
	if failure.Temporary() {
		k = event.MessageDeferred
	}
	attrs := []slog.Attr{event.QueueID(env.QueueID), event.MessageID(header.Get("Message-ID")), event.From(env.Sender), event.Login(env.Login)}
	if env.Login == "" {
		attrs = append(attrs, event.User(env.User))
	}
	k.Log(g.Log, append(attrs, event.Count(int64(len(env.Recipients))), event.Reply(answerTo(failure)))...)
}

// answerTo is what the client is told, as the log may have it.
func answerTo(f *mail.Failure) string {
	return (&mail.Failure{Code: f.Code, Enhanced: f.Enhanced, Text: f.Text, Quotes: f.Quotes}).Error()
}

// acceptances has what the mail server said to copies, by the recipient as the envelope has it.
type acceptances struct {
	mu      sync.Mutex
	replies map[string]string
}

// listen has a copy tell of its way into the mail server's queue.
func (a *acceptances) listen(g *Gate, m *mail.Message, c outbox.Copy) outbox.Copy {
	began := g.Now()
	c.Accepted = func(reply string) {
		g.tell(event.CopySent, m, event.To(c.To.Addr), event.Queued(reply), event.Seconds(g.Now().Sub(began)))
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.replies == nil {
			a.replies = make(map[string]string)
		}
		a.replies[c.To.Raw] = reply
	}
	return c
}

func (a *acceptances) of(to mail.Recipient) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.replies[to.Raw]
}

// since is how long a part of the work has taken.
func (g *Gate) since(began time.Time) time.Duration { return g.Now().Sub(began) }
