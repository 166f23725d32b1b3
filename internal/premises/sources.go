package premises

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/keys"
)

// Sources are where one configuration looks for certificates.
type Sources struct {
	// List has them in the order of trust.
	List []keys.Source
	// Resolver is nil if no source asks one.
	Resolver *keys.Resolver

	close []func() error
}

// OpenSources prepares the sources that a configuration names. Nothing is asked yet. The caller closes them.
func OpenSources(c *config.Config, local *keys.Local) (*Sources, error) {
	return WatchSources(c, local, nil)
}

// WatchSources is like [OpenSources] for somebody who wants to know what hosts that answer say of the time, see
// [keys.FetcherOptions].
func WatchSources(c *config.Config, local *keys.Local, dated func(host string, at time.Time)) (*Sources, error) {
	s := &Sources{}
	network, err := newNetwork(c.Keys, dated)
	if err != nil {
		return nil, err
	}
	s.Resolver = network.resolver
	s.close = append(s.close, network.close)
	for _, name := range c.Keys.Sources {
		source, err := s.open(name, c.Keys, network, local)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("key source %s: %w", name, err), s.Close())
		}
		s.List = append(s.List, source)
	}
	return s, nil
}

func (s *Sources) open(name string, c config.Keys, n *network, local *keys.Local) (keys.Source, error) {
	switch name {
	case "local":
		return local, nil
	case "wkd":
		return &keys.WKD{Fetcher: n.fetcher, Port: uint16(c.WKD.Port)}, nil
	case "dane":
		return keys.NewDANE(n.resolver), nil
	case "vks":
		return keys.NewVKS(n.fetcher, c.VKS.Server)
	case "hkp":
		return keys.NewHKP(n.fetcher, c.HKP.Server)
	case "ldap":
		password, err := readPassword(c.LDAP.PasswordFile)
		if err != nil {
			return nil, err
		}
		source, err := keys.NewLDAP(keys.LDAPOptions{URL: c.LDAP.Server, RootCAs: n.roots, BindDN: c.LDAP.User, Password: password,
			Base: c.LDAP.Base, Filter: c.LDAP.Filter, Attribute: c.LDAP.Attribute})
		if err == nil {
			s.close = append(s.close, source.Close)
		}
		return source, err
	default:
		return nil, errors.New("there is no such source")
	}
}

// Close ends the connections of the sources.
func (s *Sources) Close() error {
	var failures []error
	for _, end := range s.close {
		failures = append(failures, end())
	}
	s.close = nil
	return errors.Join(failures...)
}

// network is how the sources reach the world.
type network struct {
	roots    *x509.CertPool // nil for those of the system
	resolver *keys.Resolver // nil if no source asks one
	fetcher  *keys.Fetcher
}

func newNetwork(c config.Keys, dated func(host string, at time.Time)) (*network, error) {
	n := &network{}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("keys.ca_file: %w", err)
		}
		if n.roots, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("read the certificates of the system's authorities: %w", err)
		}
		if !n.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("keys.ca_file: %s holds no certificate in PEM form", c.CAFile)
		}
	}
	for _, name := range c.Sources {
		if name == "local" {
			continue
		}
		var err error
		if n.resolver, err = keys.NewResolver(c.Resolver, keys.ResolverOptions{RootCAs: n.roots}); err != nil {
			return nil, err
		}
		break
	}
	options := keys.FetcherOptions{Allow: c.Private, RootCAs: n.roots, Now: time.Now, Dated: dated}
	if n.resolver != nil {
		options.Hosts = n.resolver
	}
	n.fetcher = keys.NewFetcher(options)
	return n, nil
}

func (n *network) close() error {
	n.fetcher.CloseIdleConnections()
	return nil
}

// readPassword reads a file with one line; "" gives "".
func readPassword(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := keys.ReadPassphrase(file, "")
	return strings.TrimSpace(string(b)), err
}
