package status

import (
	"fmt"
	"net/http"

	"sealmilter/keys"
)

// overviewPage is how things are.
type overviewPage struct {
	State
	Uptime string
	// NotReady is "" if mail can be handled.
	NotReady string
	// Addresses have a certificate, and Conflicts wait.
	Addresses, Conflicts int
	// Warnings are those of the daemon and of the senders' keys, with what to type.
	Warnings []command
	// Last are the last decisions, if Keeps says that there are any to be had.
	Last  []Decision
	Keeps bool
}

func (p *Page) overview(w http.ResponseWriter, r *http.Request, s *session) {
	ctx := r.Context()
	o := overviewPage{State: p.State(ctx)}
	o.Uptime = lasted(p.Now().Sub(o.Started))
	if o.State.Ready != nil {
		o.NotReady = o.State.Ready.Error()
	}
	for _, warning := range o.State.Warnings {
		o.warn(p, warning)
	}
	directory := p.Directory()
	var err error
	if o.Addresses, err = directory.CountAddresses(ctx); err != nil {
		p.fail(w, r, err)
		return
	}
	conflicts, err := directory.Conflicts(ctx)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	o.Conflicts = len(conflicts)
	expiring, err := p.Senders.Expiring(ctx)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, e := range expiring {
		if text := expiryWarning(e); text != "" {
			o.warn(p, Warning{text, []string{"keys", "list", "--secret"}})
		}
	}
	if p.Decisions != nil {
		o.Keeps, o.Last = true, p.Decisions()
		o.Last = o.Last[:min(len(o.Last), 5)]
	}
	p.render(w, r, http.StatusOK, s, "overview", view{Title: "Status", Here: "overview", Page: o, Commands: []command{
		p.types("look for what is wrong on this host, and how to mend it", "check"),
	}})
}

func (o *overviewPage) warn(p *Page, w Warning) {
	c := command{Does: w.Text}
	if w.Command != nil {
		c = p.types(w.Text, w.Command...)
	}
	o.Warnings = append(o.Warnings, c)
}

// expiryWarning says what is to be done about a sender's key, "" for nothing.
func expiryWarning(e keys.Expiring) string {
	whose := first(e.Addresses)
	switch {
	case e.Err != nil:
		return fmt.Sprintf("The secret key of %s cannot be read.", whose)
	case e.Step == keys.Expired:
		return fmt.Sprintf("The key of %s has expired: nothing can be signed with it.", whose)
	case e.Step == keys.ExpiresIn7Days, e.Step == keys.ExpiresIn30Days:
		return fmt.Sprintf("The key of %s expires on %s.", whose, date(e.Expires))
	default:
		return ""
	}
}

// first names an address and says how many more there are.
func first(addresses []string) string {
	switch len(addresses) {
	case 0:
		return "nobody"
	case 1:
		return addresses[0]
	default:
		return fmt.Sprintf("%s and %d more", addresses[0], len(addresses)-1)
	}
}
