package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"

	"sealmilter/crypto"
)

// maxCerts bounds the certificates of one answer: checking the signatures of one can take a second.
const maxCerts = 20

// fetchCerts gets a keyring, binary or armored, and returns its certificates, at least one. Those that cannot be read
// are left out, but not if they are all there is: they may be the ones that count.
func (f *Fetcher) fetchCerts(ctx context.Context, rawURL string) ([]*crypto.Cert, error) {
	body, err := f.Get(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	certs, err := readCerts(ctx, body)
	if err != nil {
		return nil, &FetchError{Host: hostOf(rawURL), Why: "answers with what is of no use: " + err.Error(), cause: err}
	}
	return certs, nil
}

func readCerts(ctx context.Context, body []byte) ([]*crypto.Cert, error) {
	var certs []*crypto.Cert
	var unreadable error
	n := 0
	for key, err := range crypto.Keys(bytes.NewReader(body)) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the time was over before it was read: %w", ctx.Err())
		}
		if n++; n > maxCerts {
			return nil, fmt.Errorf("it holds more than %d keys", maxCerts)
		}
		if err == nil && key.Cert == nil {
			err = errors.New("it is a secret key, which nobody should publish")
		}
		switch {
		case err == nil:
			certs = append(certs, key.Cert)
		case unreadable == nil:
			unreadable = err
		}
	}
	if len(certs) == 0 {
		return nil, unreadable
	}
	return certs, nil
}

// fetchRing gets a keyring that must hold the certificate with a fingerprint, readable or not: a revoked certificate
// without User IDs is worth having.
func (f *Fetcher) fetchRing(ctx context.Context, rawURL, fingerprint string) ([]byte, error) {
	body, err := f.Get(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	if !holds(body, fingerprint) {
		return nil, &FetchError{Host: hostOf(rawURL), Why: "answers with something else than the certificate " + fingerprint}
	}
	return body, nil
}

func holds(body []byte, fingerprint string) bool {
	n := 0
	for key, err := range crypto.Keys(bytes.NewReader(body)) {
		if n++; n > maxCerts {
			return false
		}
		var skipped *crypto.Skipped
		if errors.As(err, &skipped) && skipped.Fingerprint == fingerprint {
			return true
		}
		if key.Cert != nil && key.Cert.Fingerprint() == fingerprint {
			return true
		}
	}
	return false
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}

// escapeQuery encodes text for a place in a path or a query where only unreserved characters are sure to arrive as they
// are (RFC 3986, section 2.3). [url.QueryEscape] writes a blank as "+", which only HTML forms understand.
func escapeQuery(s string) string {
	const upperHex = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&0xf])
		}
	}
	return string(b)
}
