package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/internal/wiring"
	"sealmilter/keys"
)

const (
	keysTopic     = "keys"
	resolverTopic = "resolver"
	sourceTopic   = "key source "
)

// conflicts says that certificates wait for a decision.
func (r *Report) conflicts(ctx context.Context, i *premises.State) {
	switch all, err := i.Store.Conflicts(ctx, ""); {
	case err != nil:
		r.fail("error", keysTopic, err, "see what check says of the database")
	case len(all) > 0:
		r.add("warning", keysTopic, fmt.Sprintf("certificates that wait for a decision: %d; the ones used before stay in use", len(all)), "sealmilter keys list --conflicts")
	}
}

// sources tries whether the key sources can be opened, and, unless offline, whether they answer.
func (r *Report) sources(ctx context.Context, i *premises.State, c *config.Config, offline bool) {
	var local *keys.Local
	if i != nil {
		local = i.Local
	}
	var times serverTimes
	sources, err := premises.WatchSources(c, local, func(host string, at time.Time) { times.note(host, at, time.Now()) })
	if err != nil {
		text, mend := advised(err, "correct [keys] in the configuration")
		r.add("error", keysTopic, text+": the daemon does not start, and does not reload", mend)
		return
	}
	defer func() { r.err = errors.Join(r.err, sources.Close()) }()
	r.add("ok", keysTopic, "sources: "+strings.Join(c.Keys.Sources, ", "), "")
	if sources.Resolver == nil {
		return
	}
	if slices.Contains(c.Keys.Sources, "dane") && !sources.Resolver.Trusted() {
		r.add("warning", keysTopic, "what the resolver "+sources.Resolver.String()+" says of DNSSEC cannot be believed, so no key is found by dane",
			"run a validating resolver on this host, or reach one by TLS: resolver in [keys]")
	}
	if !slices.Equal(c.Keys.Sources, []string{"local", "dane"}) {
		r.authorities(c)
	}
	if offline {
		r.add("ok", resolverTopic, "neither the resolver nor a key source was asked: --offline", "")
		return
	}
	r.Findings(askAll(ctx, c, sources, senderDomains(ctx, i)))
	ahead, hosts := times.nearest()
	r.Findings(serverTimeFindings(time.Now(), ahead, hosts, spans(ctx, i, time.Now())))
}

// authorities looks for the certificates without which no HTTPS server can be believed.
func (r *Report) authorities(c *config.Config) {
	if c.Keys.CAFile != "" {
		return
	}
	if pool, err := x509.SystemCertPool(); err != nil || pool.Equal(x509.NewCertPool()) {
		r.add("error", keysTopic, "this host has no certificates of authorities, so no key server and no domain can be asked by HTTPS: "+unknownMeans(c),
			"apt install ca-certificates, or name a file with ca_file in [keys]")
	}
}

// senderDomains returns some domains of the senders: they are the host's own, so asking them tells nobody anything new.
func senderDomains(ctx context.Context, i *premises.State) []string {
	const most = 2
	var all []string
	if i == nil {
		return nil
	}
	senders, err := i.Senders.List(ctx)
	if err != nil {
		return nil // it is reported about the senders
	}
	for _, s := range senders {
		addr, err := mail.ParsePath(s.Address)
		if err == nil && addr.Domain() != "" && !addr.IsLiteral() && !slices.Contains(all, addr.Domain()) && len(all) < most {
			all = append(all, addr.Domain())
		}
	}
	return all
}

// askAll asks the resolver and each source at the same time, and returns what they said in the order of the sources.
func askAll(ctx context.Context, c *config.Config, sources *premises.Sources, domains []string) []wiring.Finding {
	var asked sync.WaitGroup
	answers := make([][]wiring.Finding, len(sources.List)+1)
	ask := func(at int, question func(context.Context) []wiring.Finding) {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.Keys.Timeout)
			defer cancel()
			answers[at] = question(ctx)
		})
	}
	ask(0, func(ctx context.Context) []wiring.Finding {
		begun := time.Now()
		validates, err := sources.Resolver.Probe(ctx)
		return []wiring.Finding{resolverAnswer{sources.Resolver.String(), sources.Resolver.Trusted(), validates, time.Since(begun), err}.finding(c)}
	})
	for n, source := range sources.List {
		switch s := source.(type) {
		case *keys.Local:
		case keys.FingerprintSource:
			ask(n+1, func(ctx context.Context) []wiring.Finding {
				begun := time.Now()
				err := askServer(ctx, s)
				return []wiring.Finding{serverFinding(s.Name(), serverOf(s.Name(), c), time.Since(begun), err, c)}
			})
		case *keys.WKD:
			ask(n+1, func(ctx context.Context) []wiring.Finding {
				var all []wiring.Finding
				for _, domain := range domains {
					begun := time.Now()
					announces, err := s.Announces(ctx, domain)
					all = append(all, directoryFinding(domain, announces, time.Since(begun), err, c))
				}
				return all
			})
		}
	}
	asked.Wait()
	return slices.Concat(answers...)
}

// askServer asks a server for a certificate that nobody has. It returns nil if the server answers.
func askServer(ctx context.Context, s keys.FingerprintSource) error {
	_, err := s.LookupFingerprint(ctx, strings.Repeat("0", 40))
	if errors.Is(err, errors.ErrUnsupported) {
		nobody, parseErr := mail.ParseAddr("sealmilter-check@nobody.invalid")
		if parseErr != nil {
			return parseErr
		}
		_, err = s.Lookup(ctx, nobody)
	}
	if errors.Is(err, keys.ErrNotFound) {
		return nil
	}
	return err
}

// serverOf returns the server that a source asks.
func serverOf(source string, c *config.Config) string {
	switch source {
	case "vks":
		return c.Keys.VKS.Server
	case "hkp":
		return c.Keys.HKP.Server
	case "ldap":
		return c.Keys.LDAP.Server
	default:
		return source
	}
}

// inTime writes how long an answer took.
func inTime(took time.Duration) string { return fmt.Sprintf("in %d ms", took.Milliseconds()) }

// resolverAnswer is what became of the question to the resolver.
type resolverAnswer struct {
	server             string
	trusted, validates bool
	took               time.Duration
	err                error
}

func (a resolverAnswer) finding(c *config.Config) wiring.Finding {
	const validating = "run a validating resolver on this host, such as apt install unbound, and set resolver = \"127.0.0.1\" in [keys]"
	f := wiring.Finding{State: wiring.Warning, Topic: resolverTopic, Mend: validating}
	onLoopback := a.trusted && !strings.HasPrefix(a.server, "tls://")
	switch {
	case a.err != nil:
		f.Detail = fmt.Sprintf("no answer that can be used (%v): what remote sources say is unknown: %s", a.err, unknownMeans(c))
		f.Mend = "check the network, /etc/resolv.conf, and resolver in [keys]; on a host without a network: sealmilter check --offline"
	case !a.validates && slices.Contains(c.Keys.Sources, "dane"):
		f.Detail = fmt.Sprintf("%s answers %s, and does not validate DNSSEC, so no key is found by dane", a.server, inTime(a.took))
	case !a.validates && onLoopback:
		f.Detail = fmt.Sprintf("%s answers %s, and does not validate DNSSEC: who forges its answers makes a domain's keys disappear, and mode prefer sends clear text to those whose key was never seen", a.server, inTime(a.took))
	case !a.validates:
		f.State, f.Mend = wiring.OK, ""
		f.Detail = fmt.Sprintf("%s answers %s; it does not validate DNSSEC, which dane would need", a.server, inTime(a.took))
	default:
		f.State, f.Mend = wiring.OK, ""
		f.Detail = fmt.Sprintf("%s answers %s, and validates DNSSEC", a.server, inTime(a.took))
	}
	return f
}

// serverFinding says what became of a question to a server.
func serverFinding(source, server string, took time.Duration, err error, c *config.Config) wiring.Finding {
	f := wiring.Finding{State: wiring.OK, Topic: sourceTopic + source, Detail: server + " answers " + inTime(took)}
	switch {
	case err != nil:
		f.State = wiring.Warning
		f.Detail = fmt.Sprintf("%s does not answer (%v), so a recipient whose key it might have is unknown: %s", server, err, unknownMeans(c))
		f.Mend = "check the network and [keys." + source + "] in the configuration, or take " + fmt.Sprintf("%q", source) + " out of sources"
	case took > c.Keys.Timeout/2:
		f.State = wiring.Warning
		f.Detail += fmt.Sprintf(", and lookups end after %v ([keys] timeout)", c.Keys.Timeout)
		f.Mend = "choose a server that is nearer, or raise timeout in [keys]"
	}
	return f
}

// directoryFinding says what became of the question whether a sender's domain has a Web Key Directory.
func directoryFinding(domain string, announces bool, took time.Duration, err error, c *config.Config) wiring.Finding {
	f := wiring.Finding{State: wiring.OK, Topic: sourceTopic + "wkd"}
	switch {
	case err != nil:
		f.State = wiring.Warning
		f.Detail = fmt.Sprintf("the senders' domain %s could not be asked (%v); if no domain can, recipients are unknown: %s", domain, err, unknownMeans(c))
		f.Mend = "check the way to port 443 of other hosts, and the web server of " + domain
	case announces:
		f.Detail = fmt.Sprintf("the senders' domain %s answers %s, and announces keys", domain, inTime(took))
	default:
		f.Detail = fmt.Sprintf("the senders' domain %s publishes no keys, so others do not find those of your senders: sealmilter keys publish --help", domain)
	}
	return f
}
