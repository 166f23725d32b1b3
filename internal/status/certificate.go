package status

import (
	"errors"
	"net/http"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// maxUserIDs bounds how many names of one certificate are shown.
const maxUserIDs = 20

// maxServed bounds how many addresses of one certificate are shown.
const maxServed = 100

// certificate is one as people look at it.
type certificate struct {
	Fingerprint string
	UserIDs     []string
	// More are the User IDs that are not shown.
	More      int
	Algorithm string
	Created   time.Time
	// Expires is the zero time for one that does not.
	Expires time.Time
	Expired bool
	// Problem is why nothing can be encrypted to it, "" if something can.
	Problem  string
	Warnings []string
	Keys     []crypto.KeyStatus
	// Addresses are those it serves, with who says so.
	Services []keys.Service
	Pinned   []string
	// Unshown says that there are more of them than are shown.
	Unshown bool
	Added   time.Time
	// Missing says that it is not stored, or cannot be read.
	Missing bool
}

// newCertificate describes a certificate of the store.
func newCertificate(e keys.Entry, now time.Time) certificate {
	c := certificate{Fingerprint: e.Fingerprint, Services: e.Services, Pinned: e.Pinned, Added: e.Added, Missing: e.Cert == nil}
	if e.Cert == nil {
		c.Problem = "it cannot be read"
		return c
	}
	c.Unshown = len(e.Services) > maxServed || len(e.Pinned) > maxServed
	c.Services, c.Pinned = e.Services[:min(len(e.Services), maxServed)], e.Pinned[:min(len(e.Pinned), maxServed)]
	c.UserIDs = e.Cert.UserIDs()
	if len(c.UserIDs) > maxUserIDs {
		c.UserIDs, c.More = c.UserIDs[:maxUserIDs], len(c.UserIDs)-maxUserIDs
	}
	c.Algorithm, c.Created, c.Warnings, c.Keys = e.Cert.Algorithm(), e.Cert.Created(), e.Cert.Warnings(), e.Cert.Explain(now)
	if t, ok := e.Cert.Expires(now); ok {
		c.Expires, c.Expired = t, !t.After(now)
	}
	if err := e.Cert.Check(now); err != nil {
		c.Problem = err.Error()
	}
	return c
}

// stored returns the certificate with a fingerprint, marked as missing if it is not there.
func (p *Page) stored(r *http.Request, fingerprint string) (certificate, error) {
	entries, err := p.Certificates.Get(r.Context(), fingerprint)
	switch {
	case errors.Is(err, keys.ErrNotFound), errors.Is(err, mail.ErrAddr):
		return certificate{Fingerprint: fingerprint, Missing: true, Problem: "it is not stored any more"}, nil
	case err != nil || len(entries) == 0:
		return certificate{}, err
	}
	return newCertificate(entries[0], p.Now()), nil
}

// certificate shows one certificate.
func (p *Page) certificate(w http.ResponseWriter, r *http.Request, s *session) {
	fingerprint, err := keys.ParseFingerprint(r.FormValue("fingerprint"))
	if err != nil {
		p.refuse(w, r, http.StatusBadRequest, "That is not a fingerprint of 40 or 64 hexadecimal digits.")
		return
	}
	c, err := p.stored(r, fingerprint)
	switch {
	case err != nil:
		p.fail(w, r, err)
		return
	case c.Missing:
		p.refuse(w, r, http.StatusNotFound, "No certificate with this fingerprint is stored here, or it cannot be read.")
		return
	}
	p.render(w, r, http.StatusOK, s, "certificate", view{Title: "Certificate", Here: "recipients", Page: c, Commands: []command{
		p.types("write the certificate to a file", "keys", "export", fingerprint),
		p.types("take it away from all its addresses", "keys", "remove", fingerprint),
	}})
}
