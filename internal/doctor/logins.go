package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/wiring"
)

// logins looks for logins that may use no address with a key.
func (r *Report) logins(ctx context.Context, i *premises.State) {
	senders, err := i.Senders.List(ctx)
	if err != nil {
		return // it is reported about the senders
	}
	var addresses []mail.Addr
	for _, s := range senders {
		if addr, err := mail.ParsePath(s.Address); err == nil {
			addresses = append(addresses, addr)
		}
	}
	r.Findings(loginFindings(i.Config, addresses))
}

// loginFindings says which logins of a configuration can send nothing, because none of their addresses has a key among those
// with one.
func loginFindings(c *config.Config, withKey []mail.Addr) []wiring.Finding {
	if c.Senders.MissingKey != config.RejectSender {
		return nil
	}
	var all []wiring.Finding
	for _, login := range slices.Sorted(maps.Keys(c.Senders.Logins)) {
		patterns := c.Senders.Logins[login]
		signed := func(p mail.Pattern) bool {
			return slices.ContainsFunc(withKey, p.Match) ||
				slices.ContainsFunc(c.Senders.SiteKeys, func(s config.SiteKey) bool { return coversAll(s.From, []mail.Pattern{p}) })
		}
		if slices.ContainsFunc(patterns, signed) {
			continue
		}
		var names []string
		for _, p := range patterns {
			names = append(names, p.String())
		}
		f := wiring.Finding{State: wiring.Warning, Topic: "login " + login, Mend: "sealmilter keys generate ADDR, or keys import FILE, for an address of theirs"}
		f.Detail = fmt.Sprintf("no address that it may use (%s) has a secret key, so all its mail that has to be signed is refused", strings.Join(names, ", "))
		if at := slices.IndexFunc(names, func(name string) bool { return !strings.HasPrefix(name, "@") && !strings.Contains(name, "*") }); at >= 0 {
			f.Mend = "sealmilter keys generate " + shell.Quote(names[at]) + ", or keys import FILE"
		}
		if len(patterns) == 0 {
			f.Detail, f.Mend = "it may use no address, so all its mail is refused", "name its addresses in [senders.logins], or take it out there"
		}
		all = append(all, f)
	}
	return all
}
