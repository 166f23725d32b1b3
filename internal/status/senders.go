package status

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// sender is an address that signs, and its key.
type sender struct {
	Address, Fingerprint string
	Since                time.Time
	// Signs says that the key can sign now; otherwise Problem says why not.
	Signs   bool
	Problem string
	// Created is the zero time for a key that cannot be read, and Expires for one that does not expire.
	Created, Expires time.Time
	Soon, Expired    bool
	// Unlocked says that no passphrase protects the key at rest.
	Unlocked bool
	// Notes say what else is not as it could be.
	Notes []string
}

// sendersPage is a piece of the list of senders.
type sendersPage struct {
	Search  string
	Total   int
	Senders []sender
	// Previous and Next are links, "" for none.
	Previous, Next string
}

func (p *Page) senders(w http.ResponseWriter, r *http.Request, s *session) {
	all, err := p.Senders.List(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	search := strings.ToLower(strings.TrimSpace(r.FormValue("search")))
	var found []keys.SenderKey
	for _, key := range all {
		if strings.Contains(key.Address, search) {
			found = append(found, key)
		}
	}
	page := sendersPage{Search: search, Total: len(found)}
	from, err := strconv.Atoi(r.FormValue("from"))
	if err != nil || from < 0 || from >= len(found) {
		from = 0
	}
	to := func(from int) string {
		return Root + "senders?" + url.Values{"search": {search}, "from": {strconv.Itoa(from)}}.Encode()
	}
	if from > 0 {
		page.Previous = to(max(0, from-perPage))
	}
	if len(found)-from > perPage {
		page.Next = to(from + perPage)
	}
	for _, key := range found[from:min(len(found), from+perPage)] {
		page.Senders = append(page.Senders, p.newSender(r, key))
	}
	p.render(w, r, http.StatusOK, s, "senders", view{Title: "Senders", Here: "senders", Page: page, Commands: []command{
		p.types("list the senders' keys", "keys", "list", "--secret"),
		{"make a key for an address", p.Program + " keys generate ADDRESS"},
	}})
}

// newSender describes a sender's key, and tries whether it signs.
func (p *Page) newSender(r *http.Request, key keys.SenderKey) sender {
	v := sender{Address: key.Address, Fingerprint: key.Fingerprint, Since: key.Created, Unlocked: key.Err == nil && !key.Locked}
	problem := cmp.Or(key.Err, key.Revoked)
	if problem == nil {
		addr, err := mail.ParsePath(key.Address)
		if err == nil {
			_, err = p.Senders.Signer(r.Context(), addr)
		}
		problem = cmp.Or(errors.Unwrap(err), err) // without whose key it is, which stands beside it
	}
	if v.Signs = problem == nil; !v.Signs {
		v.Problem = problem.Error()
	}
	if key.Cert == nil {
		return v
	}
	now := p.Now()
	v.Created = key.Cert.Created()
	if t, ok := key.Cert.Expires(now); ok {
		v.Expires, v.Expired, v.Soon = t, !t.After(now), t.After(now) && t.Sub(now) < 30*24*time.Hour
	}
	v.Notes = key.Cert.Warnings()
	if err := key.Cert.Check(now); err != nil && v.Signs {
		v.Notes = append(v.Notes, "nobody can encrypt to it: "+err.Error())
	}
	return v
}
