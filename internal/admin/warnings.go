package admin

import (
	"fmt"
	"time"

	"sealmilter/internal/status"
)

// warnings say on the status page what will soon keep mail from being encrypted, or does already.
func (o *outlook) warnings() []status.Warning {
	if o == nil {
		return nil
	}
	var soon, over int
	var first time.Time
	for _, p := range o.sources {
		soon, over = soon+p.expiring, over+p.expired+p.unusable
		if !p.first.IsZero() && (first.IsZero() || p.first.Before(first)) {
			first = p.first
		}
	}
	var all []status.Warning
	show := []string{"keys", "list", "--expiring"}
	if over > 0 {
		all = append(all, status.Warning{Text: fmt.Sprintf("%s that has expired or cannot be used otherwise: nothing can be encrypted to them.",
			recipientsHave(over)), Command: show})
	}
	if soon > 0 {
		all = append(all, status.Warning{Text: fmt.Sprintf("%s that expires within 30 days, the first on %s.", recipientsHave(soon),
			first.UTC().Format(time.DateOnly)), Command: show})
	}
	return all
}

func recipientsHave(n int) string {
	if n == 1 {
		return "1 address has a certificate"
	}
	return fmt.Sprintf("%d addresses have a certificate", n)
}
