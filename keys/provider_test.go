package keys_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// provider is a source run by the recipients' domains, whose answers tests change.
type provider struct {
	name string

	mu        sync.Mutex
	certs     []*crypto.Cert
	err       error
	announces bool
	asked     []string
	// only holds the addresses that it knows; nil for any.
	only []string
	// policyErr is why the domain's policy cannot be read; policy is called when it is asked for. Nil for neither.
	policyErr error
	policy    func()
}

func (p *provider) Name() string { return p.name }

func (p *provider) Lookup(_ context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, addr.String())
	if p.only != nil && !slices.Contains(p.only, addr.String()) {
		return nil, errNone
	}
	return p.certs, p.err
}

func (p *provider) Announces(_ context.Context, domain string) (bool, error) {
	if p.policy != nil {
		p.policy()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, "policy of "+domain)
	return p.announces, p.policyErr
}

// gives makes the provider answer with certificates, fails with an error.
func (p *provider) gives(certs ...*crypto.Cert) { p.set(certs, nil) }
func (p *provider) fails(err error)             { p.set(nil, err) }

func (p *provider) set(certs []*crypto.Cert, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certs, p.err = certs, err
}

// questions returns what the provider was asked since the last call.
func (p *provider) questions() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// keyserver is a provider that can be asked by fingerprint, and is nobody's own.
type keyserver struct {
	provider provider
	ring     []byte
}

func (k *keyserver) Name() string { return k.provider.name }

func (k *keyserver) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	return k.provider.Lookup(ctx, addr)
}

func (k *keyserver) LookupFingerprint(_ context.Context, fingerprint string) ([]byte, error) {
	k.provider.mu.Lock()
	defer k.provider.mu.Unlock()
	k.provider.asked = append(k.provider.asked, fingerprint)
	if k.ring == nil {
		return nil, keys.ErrNotFound
	}
	return k.ring, nil
}

// diary is an observer that writes down what it is told.
type diary struct {
	mu     sync.Mutex
	events []string
}

func (d *diary) Asked(string, keys.Status, time.Duration) {}

func (d *diary) Happened(e keys.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, fmt.Sprintf("%s %s %s", e.Kind, e.Address, e.Source))
}

// read returns what was written since the last call.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.events
	d.events = nil
	return events
}
