package keys

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// shared makes concurrent lookups of one address in a source one lookup. It goes on when one of its callers leaves.
type shared struct {
	Source
	timeout time.Duration
	flights singleflight.Group
}

func (s *shared) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	flight := s.flights.DoChan(addr.Key(), func() (certs any, err error) {
		// Sources parse what strangers have written, and nobody else can recover from a panic on this goroutine.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the source failed: %v", p)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		return s.Source.Lookup(ctx, addr)
	})
	select {
	case landed := <-flight:
		certs, _ := landed.Val.([]*crypto.Cert)
		return certs, landed.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
