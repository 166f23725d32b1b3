package status

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// perPage is how many addresses a page has.
const perPage = 50

// recipient is an address and what is known of its key.
type recipient struct {
	Address string
	// Encrypted says that there is a certificate to encrypt to; otherwise Why says why not.
	Encrypted   bool
	Why         string
	Fingerprint string
	Source      string
	Level       keys.Level
	// Since is when the certificate was first used, the zero time if it has not been used yet.
	Since time.Time
	// Expires is the zero time for a certificate that does not.
	Expires time.Time
	// Soon says that it expires within 30 days.
	Soon bool
}

func newRecipient(k keys.Known, now time.Time) recipient {
	v := recipient{Address: k.Address, Why: k.Answer.Why}
	if k.Pinned != nil {
		v.Since, v.Fingerprint, v.Source, v.Level = k.Pinned.Pinned, k.Pinned.Fingerprint, k.Pinned.Source, k.Pinned.Level
	}
	switch {
	case k.Answer.Status == keys.Found && k.Answer.Cert != nil:
		v.Encrypted, v.Fingerprint, v.Source, v.Level = true, k.Answer.Cert.Fingerprint(), k.Answer.Source, k.Answer.Level
		if k.Pinned != nil && k.Pinned.Fingerprint != v.Fingerprint {
			v.Since = time.Time{}
		}
		if t, ok := k.Answer.Cert.Expires(now); ok {
			v.Expires, v.Soon = t, t.Sub(now) < 30*24*time.Hour
		}
	case k.Pinned == nil && k.Answer.Status == keys.None:
		v.Why += "; the key sources are asked when the next message is written"
	}
	return v
}

// recipientsPage is a piece of the list of addresses.
type recipientsPage struct {
	Search     string
	Recipients []recipient
	// First, Previous and Next are links, "" for none.
	First, Previous, Next string
}

func (p *Page) recipients(w http.ResponseWriter, r *http.Request, s *session) {
	q := keys.AddressPage{Search: strings.TrimSpace(r.FormValue("search")), After: r.FormValue("after"), Before: r.FormValue("before"), Limit: perPage}
	all, more, err := p.Directory().KnownAddresses(r.Context(), q)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := recipientsPage{Search: q.Search}
	for _, k := range all {
		page.Recipients = append(page.Recipients, newRecipient(k, p.Now()))
	}
	to := func(name, value string) string {
		v := url.Values{}
		if q.Search != "" {
			v.Set("search", q.Search)
		}
		if name != "" {
			v.Set(name, value)
		}
		return Root + "recipients?" + v.Encode()
	}
	backwards := q.Before != ""
	if len(all) > 0 {
		if more || backwards {
			page.Next = to("after", all[len(all)-1].Address)
		}
		if !backwards && q.After != "" || backwards && more {
			page.Previous = to("before", all[0].Address)
		}
	}
	if page.Previous != "" || len(all) == 0 && (q.After != "" || backwards) {
		page.First = to("", "")
	}
	p.render(w, r, http.StatusOK, s, "recipients", view{Title: "Recipients", Here: "recipients", Page: page, Commands: []command{
		p.types("list all certificates", "keys", "list"),
		{"see what would become of a message, and by which rule", p.Program + " explain --from SENDER --to RECIPIENT"},
		{"add certificates", p.Program + " keys import FILE"},
	}})
}

// addressPage is all about one address.
type addressPage struct {
	recipient
	Conflicts []conflict
	// Certificates are those that are not in a conflict.
	Certificates []certificate
}

func (p *Page) address(w http.ResponseWriter, r *http.Request, s *session) {
	ctx := r.Context()
	known, err := p.Directory().KnownAddress(ctx, r.FormValue("address"))
	if errors.Is(err, mail.ErrAddr) || err == nil && known.Address == "" {
		p.refuse(w, r, http.StatusBadRequest, "That is not an address.")
		return
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := addressPage{recipient: newRecipient(known, p.Now())}
	entries, err := p.Certificates.Get(ctx, known.Address)
	if err != nil && !errors.Is(err, keys.ErrNotFound) {
		p.fail(w, r, err)
		return
	}
	waiting, err := p.Directory().Conflicts(ctx)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, c := range waiting {
		if c.Address != known.Address {
			continue
		}
		one, err := p.newConflict(r, c)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		page.Conflicts = append(page.Conflicts, one)
	}
	for _, e := range entries {
		shown := slices.ContainsFunc(page.Conflicts, func(c conflict) bool { return e.Fingerprint == c.Pinned || e.Fingerprint == c.Fingerprint })
		if !shown {
			page.Certificates = append(page.Certificates, newCertificate(e, p.Now()))
		}
	}
	about := shell.AsArguments(known.Address)
	p.render(w, r, http.StatusOK, s, "address", view{Title: known.Address, Here: "recipients", Page: page, Commands: []command{
		p.types("ask the key sources about it now", append([]string{"keys", "lookup"}, about...)...),
		p.types("see what would become of a message", "explain", "--from", "SENDER", "--to="+known.Address),
		p.types("use one certificate, whatever the sources say", append([]string{"keys", "pin"}, shell.AsArguments(known.Address, "FINGERPRINT")...)...),
		p.types("forget which one is in use: the next message asks anew", append([]string{"keys", "unpin"}, about...)...),
	}})
}
