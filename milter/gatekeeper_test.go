package milter_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// gatekeeper is a handler that decides by what it finds, as the gate does, and keeps what it was given.
type gatekeeper struct {
	mu    sync.Mutex
	given []*mail.Message
}

var errInside = errors.New("a secret error")

func (g *gatekeeper) begin(_ context.Context, env *mail.Envelope) (milter.Handler, error) {
	switch {
	case strings.Contains(env.RawSender, "foreign"):
		return nil, nil
	case strings.Contains(env.RawSender, "refused"):
		return nil, mail.Reject("5.7.1", "Not you.", nil)
	case strings.Contains(env.RawSender, "panic"):
		panic("secret")
	}
	return handler{rcpt: g.rcpt, message: g.message}, nil
}

func (g *gatekeeper) rcpt(_ context.Context, _ *mail.Envelope, to mail.Recipient) error {
	switch {
	case strings.Contains(to.Raw, "nokey"):
		return mail.Reject("5.7.1", "There is no key: 100%.", nil)
	case strings.Contains(to.Raw, "later"):
		return mail.Defer("4.4.3", "Later.", errInside)
	case strings.Contains(to.Raw, "panic"):
		panic("secret")
	}
	return nil
}

func (g *gatekeeper) message(_ context.Context, m *mail.Message) (*mail.Edit, error) {
	g.mu.Lock()
	g.given = append(g.given, m)
	g.mu.Unlock()
	edit := &mail.Edit{Header: mail.Header{{Name: "Subject", Value: " [...]"}}, Body: bytes.NewBufferString("sealed\r\n")}
	for _, to := range m.Envelope.Recipients {
		if to.Raw != m.Envelope.Recipients[0].Raw {
			edit.Delete = append(edit.Delete, to)
		}
	}
	switch strings.TrimSpace(m.Header.Get("X-Do")) {
	case "edit":
		return edit, nil
	case "refuse":
		return edit, mail.Reject("5.6.0", "No\nand no.", nil)
	case "error":
		return edit, errInside
	case "panic":
		panic("secret")
	case "discard":
		return &mail.Edit{Discard: true}, nil
	case "stranger":
		edit.Delete = append(edit.Delete, mail.Recipient{Raw: "<stranger@example.net>"})
	case "nobody":
		edit.Delete = m.Envelope.Recipients
	case "half":
		edit.Body = halfBody{}
	case "field":
		edit.Header = append(edit.Header, mail.Field{Name: "X", Value: "a\r\n\r\nsecret"})
	default:
		return nil, nil
	}
	return edit, nil
}

type halfBody struct{}

func (halfBody) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "sealed")
	return int64(n), errors.Join(err, errInside)
}

// take returns the messages given since the last call.
func (g *gatekeeper) take() []*mail.Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	given := g.given
	g.given = nil
	return given
}
