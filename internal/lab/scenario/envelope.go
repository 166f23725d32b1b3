package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// refusals are the recipients that the next hop refuses in the case that is played.
type refusals []string

func (r *refusals) add(sink *lab.Sink, recipient, reply string) {
	*r = append(*r, recipient)
	sink.Refuse(recipient, reply)
}

// lift has the next hop take everybody again.
func (r *refusals) lift(sink *lab.Sink) {
	for _, recipient := range *r {
		sink.Refuse(recipient, "")
	}
	*r = nil
}

// checkEnvelopes compares the parameters with which messages arrived with those that the case wants.
func (w *World) checkEnvelopes(c *Case, mailboxes map[string][]lab.Delivery) error {
	var failures []error
	for mailbox, envelopes := range c.envelopes {
		if len(envelopes) != len(mailboxes[mailbox]) {
			failures = append(failures, fmt.Errorf("mailbox %s got %d envelopes, not %d", mailbox,
				len(mailboxes[mailbox]), len(envelopes)))
			continue
		}
		for i, envelope := range envelopes {
			d := mailboxes[mailbox][i]
			got := parameters(slices.Concat(d.MailArgs, d.RcptArgs), false)
			want := parameters(strings.Fields(envelope), w.sevenBit)
			if !slices.Equal(got, want) {
				failures = append(failures, fmt.Errorf("mailbox %s, envelope %d has %q, not %q", mailbox, i+1, got, want))
			}
		}
	}
	return errors.Join(failures...)
}

// parameters sorts parameters, with keywords in upper case. SIZE is left out, and for a next hop without 8BITMIME and
// SMTPUTF8 what belongs to these.
func parameters(args []string, sevenBit bool) []string {
	var kept []string
	for _, arg := range args {
		keyword, value, hasValue := strings.Cut(arg, "=")
		keyword = strings.ToUpper(keyword)
		if keyword == "SIZE" || sevenBit && (keyword == "BODY" || keyword == "SMTPUTF8") {
			continue
		}
		if hasValue {
			keyword += "=" + value
		}
		kept = append(kept, keyword)
	}
	slices.Sort(kept)
	return kept
}
