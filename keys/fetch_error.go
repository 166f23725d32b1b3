package keys

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"unicode"
)

// FetchError is why a [Fetcher] did not get what it was to fetch. It wraps [ErrNotFound] if the host says that there is
// no such thing, [ErrNoService] if there is no such host or it does not serve such things at all, and neither if that
// is unknown. It also wraps the error below, if there is one.
type FetchError struct {
	// Host is the one that was asked, with the port if it is not the usual one.
	Host string
	// Why says what it did, after its name: "did not answer in time".
	Why string

	verdict error // ErrNotFound, ErrNoService or nil
	noHost  bool
	early   bool // no answer was heard from the host itself
	cause   error
}

// Error says who did what, in one line that can be shown: parts of it may be what a stranger wrote.
func (e *FetchError) Error() string {
	const most = 300
	host := e.Host
	if host == "" {
		host = "the host"
	}
	printable := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}
	text := []rune(strings.Map(printable, host+" "+e.Why))
	if len(text) > most {
		return string(text[:most]) + "..."
	}
	return string(text)
}

// Unwrap returns the verdict, if there is one, and the error below.
func (e *FetchError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.verdict, e.cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// behind is the failure of a host that another one redirects to. The other one is there and serves something, so the
// absence of this one proves nothing.
func (e *FetchError) behind(asked string) *FetchError {
	f := *e
	f.Host, f.Why = asked, "redirects: "+e.Error()
	f.noHost = false
	if e.early {
		f.verdict = nil
	}
	return &f
}

// indefinite is the failure of a server that an administrator has chosen. That it is gone, or was never there, says
// nothing about any key.
func indefinite(err error) error {
	var failure *FetchError
	if !errors.As(err, &failure) || !errors.Is(failure.verdict, ErrNoService) {
		return err
	}
	f := *failure
	f.verdict = nil
	return &f
}

// refusal is what a status code other than 200 means (RFC 9110, section 15).
func refusal(host string, status int) *FetchError {
	e := &FetchError{Host: host, Why: fmt.Sprintf("answers %d %s", status, http.StatusText(status))}
	switch {
	case status == http.StatusNotFound:
		e.verdict = ErrNotFound
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
	case status >= 400 && status < 500:
		e.verdict = ErrNoService
	}
	return e
}

// unreachable is what the error of a request means that got no answer.
func (f *Fetcher) unreachable(host string, err error) *FetchError {
	e := &FetchError{Host: host, cause: err, early: true}
	var dns *net.DNSError
	var name x509.HostnameError
	var unverified *tls.CertificateVerificationError
	switch {
	case isNoHost(err):
		e.Why, e.noHost, e.verdict = "does not exist", true, ErrNoService
	case errors.Is(err, errNotPublic):
		e.Why, e.verdict = "is not asked: "+err.Error(), ErrNoService
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Why, e.verdict = "refuses the connection", ErrNoService
	case errors.As(err, &name) && f.trusts(err):
		e.Why, e.verdict = "has a certificate for another name", ErrNoService
	case errors.As(err, &dns):
		e.Why = "could not be resolved: " + dns.Err
	case errors.As(err, &unverified):
		e.Why = "has a certificate that cannot be trusted: " + unverified.Err.Error()
	case isTimeout(err):
		e.Why = "did not answer in time"
	case errors.Is(err, context.Canceled):
		e.Why = "was not heard to the end, the lookup was given up"
	default:
		e.Why = "cannot be asked: " + err.Error()
	}
	return e
}

// trusts reports whether the certificate that verification failed for is good apart from its name. Go looks at the name
// before it looks at who signed, and anybody on the way can present a self-signed certificate.
func (f *Fetcher) trusts(err error) bool {
	var unverified *tls.CertificateVerificationError
	if !errors.As(err, &unverified) || len(unverified.UnverifiedCertificates) == 0 {
		return false
	}
	intermediates := x509.NewCertPool()
	for _, c := range unverified.UnverifiedCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err = unverified.UnverifiedCertificates[0].Verify(x509.VerifyOptions{
		Roots:         f.roots,
		Intermediates: intermediates,
		CurrentTime:   f.now(),
	})
	return err == nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
