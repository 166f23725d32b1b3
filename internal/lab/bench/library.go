package bench

import (
	"crypto/rand"
	"io"
	"time"

	"sealmilter/internal/lab/bench/stock"
)

// library is go-crypto, each copy by itself, or only as far as the session-key packets. One goroutine at a time may use it.
type library struct {
	author     *stock.Key
	recipients []*stock.Key
	onlyKeys   bool
	sessionKey []byte
}

func newLibrary(p *people, onlyKeys bool) (*library, error) {
	secret, err := p.author.Bytes()
	if err != nil {
		return nil, err
	}
	l := &library{onlyKeys: onlyKeys, sessionKey: make([]byte, 32)}
	if _, err := rand.Read(l.sessionKey); err != nil {
		return nil, err
	}
	if l.author, err = stock.NewKey(secret, time.Now()); err != nil {
		return nil, err
	}
	for _, cert := range p.recipients {
		key, err := stock.NewKey(cert.Bytes(), time.Now())
		if err != nil {
			return nil, err
		}
		l.recipients = append(l.recipients, key)
	}
	return l, nil
}

func (l *library) series() string {
	if l.onlyKeys {
		return onlyKeys
	}
	return stockLibrary
}

func (l *library) most(octets int) int {
	switch {
	case l.onlyKeys:
		return 0
	case octets >= largeMessages:
		return 1
	case octets >= 100<<10:
		return 10
	default:
		return 20
	}
}

func (l *library) sealOnce(of *letter, recipients int) error {
	for i := range recipients {
		to := l.recipients[i%len(l.recipients)]
		if l.onlyKeys {
			if err := stock.SessionKeyPacket(io.Discard, to, l.sessionKey, time.Now()); err != nil {
				return err
			}
			continue
		}
		written := new(counter)
		if err := stock.Seal(written, l.author, to, of.raw, time.Now()); err != nil {
			return err
		}
		if err := written.holds(of); err != nil {
			return err
		}
	}
	return nil
}
