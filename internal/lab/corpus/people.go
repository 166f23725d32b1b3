package corpus

import (
	"context"
	"fmt"
	"io"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// people are an author, a recipient whom all see, and one in Bcc.
type people struct {
	author, visible, hidden *crypto.SecretKey
	signer                  *crypto.Signer
	gnupg                   *gnupg // of all three
}

// newPeople makes their keys. The caller closes them.
func newPeople(ctx context.Context, now time.Time, random io.Reader) (*people, error) {
	var p people
	for _, who := range []struct {
		key  **crypto.SecretKey
		addr string
	}{{&p.author, "author@corpus.example"}, {&p.visible, "visible@corpus.example"}, {&p.hidden, "hidden@corpus.example"}} {
		addr, err := mail.ParseAddr(who.addr)
		if err != nil {
			return nil, err
		}
		if *who.key, err = crypto.Generate(addr, crypto.GenerateOptions{Now: now.Add(-time.Hour), Rand: random}); err != nil {
			return nil, fmt.Errorf("make the key of %s: %w", addr, err)
		}
	}
	var err error
	if p.signer, err = p.author.Signer(now); err != nil {
		return nil, err
	}
	p.gnupg, err = newGnuPG(ctx, p.author, p.visible, p.hidden)
	return &p, err
}

func (p *people) close() error { return p.gnupg.close() }
