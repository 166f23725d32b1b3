package status

import (
	"fmt"
	"net/http"
	"strconv"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// conflictsPerPage is how many conflicts a page has.
const conflictsPerPage = 20

// conflict is a certificate that waits beside the one in use.
type conflict struct {
	keys.Conflict
	InUse, Waits certificate
	CSRF         string
	// Accept and Keep are the command lines for the two buttons.
	Accept, Keep string
}

func (p *Page) newConflict(r *http.Request, c keys.Conflict) (conflict, error) {
	one := conflict{Conflict: c,
		Accept: p.types("", append([]string{"keys", "pin"}, shell.AsArguments(c.Address, c.Fingerprint)...)...).Line,
		Keep:   p.types("", append([]string{"keys", "pin"}, shell.AsArguments(c.Address, c.Pinned)...)...).Line}
	var err error
	if one.InUse, err = p.stored(r, c.Pinned); err != nil {
		return one, err
	}
	one.Waits, err = p.stored(r, c.Fingerprint)
	return one, err
}

// conflictsPage is a piece of the list of conflicts.
type conflictsPage struct {
	Total     int
	Conflicts []conflict
	// Previous and Next are links, "" for none.
	Previous, Next string
}

func (p *Page) conflicts(w http.ResponseWriter, r *http.Request, s *session) {
	all, err := p.Directory().Conflicts(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := conflictsPage{Total: len(all)}
	from, err := strconv.Atoi(r.FormValue("from"))
	if err != nil || from < 0 || from >= len(all) {
		from = 0
	}
	if from > 0 {
		page.Previous = link("conflicts", "from", strconv.Itoa(max(0, from-conflictsPerPage)))
	}
	if rest := all[from:]; len(rest) > conflictsPerPage {
		page.Next = link("conflicts", "from", strconv.Itoa(from+conflictsPerPage))
	}
	for _, c := range all[from:min(len(all), from+conflictsPerPage)] {
		one, err := p.newConflict(r, c)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		page.Conflicts = append(page.Conflicts, one)
	}
	p.render(w, r, http.StatusOK, s, "conflicts", view{Title: "Conflicts", Here: "conflicts", Page: page, Commands: []command{
		p.types("list what waits for a decision", "keys", "list", "--conflicts"),
		{"decide, by the fingerprint of the certificate that is to be used", p.Program + " keys pin ADDRESS FINGERPRINT"},
	}})
}

// decide ends the conflicts of an address by pinning one of the two certificates, as "keys pin" does. What is pinned is
// what was shown: if something else is in use or waits by now, nothing is changed.
func (p *Page) decide(w http.ResponseWriter, r *http.Request, s *session) {
	back := func(failed bool, format string, args ...any) {
		s.say(notice{Text: fmt.Sprintf(format, args...), Failed: failed})
		http.Redirect(w, r, Root+"conflicts", http.StatusSeeOther)
	}
	address, waits, inUse := r.PostForm.Get("address"), r.PostForm.Get("waits"), r.PostForm.Get("in_use")
	addr, err := mail.ParsePath(address)
	if err != nil || addr.IsNull() {
		p.refuse(w, r, http.StatusBadRequest, "The form names no address. Nothing was changed.")
		return
	}
	var chosen, done string
	switch r.PostForm.Get("do") {
	case "accept":
		if r.PostForm.Get("compared") != "yes" {
			back(true, "Nothing was changed for %s: first compare the fingerprint with its owner, and say so.", address)
			return
		}
		chosen, done = waits, "the one that waited is accepted"
	case "keep":
		chosen, done = inUse, "the one in use is kept"
	default:
		p.refuse(w, r, http.StatusBadRequest, "The form does not say what to do. Nothing was changed.")
		return
	}
	directory := p.Directory()
	all, err := directory.Conflicts(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, c := range all {
		if c.Address != address || c.Fingerprint != waits || c.Pinned != inUse {
			continue
		}
		if err := directory.Pin(r.Context(), addr, chosen); err != nil {
			event.PageUndone.Log(p.Log, event.Address(address), event.Key(chosen), event.Err(err), event.Session(s.name))
			back(true, "Nothing was changed: %v.", err)
			return
		}
		event.PageDecided.Log(p.Log, event.Address(address), event.Key(chosen), event.Old(c.Pinned), event.Why(done), event.Session(s.name),
			event.Browser(r.RemoteAddr))
		back(false, "%s is now used for %s.", chosen, address)
		return
	}
	back(true, "Nothing was changed for %s: the conflict is not there any more, or another one has come in its place.", address)
}

// With is the conflict with the token of the session for its forms.
func (c conflict) With(csrf string) conflict {
	c.CSRF = csrf
	return c
}
