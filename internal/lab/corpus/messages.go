package corpus

import "context"

// messages composes, opens and judges a batch of messages, one form of all of them after the other.
func (r *run) messages(ctx context.Context, batch []item) error {
	results := make([]Result, len(batch))
	for i, m := range batch {
		results[i] = Result{Name: m.name, Kind: "message", Outcome: Verified}
	}
	for i, form := range lineEnds {
		for j, setting := range r.Settings {
			if err := r.variant(ctx, batch, results, form, setting, i+j == 0); err != nil {
				return err
			}
		}
	}
	for _, result := range results {
		r.report(result)
	}
	return nil
}

// variant does so with one form, and adds to the results what is wrong. Each signature is verified on its own if alone
// is set, as a mail client has it done.
func (r *run) variant(ctx context.Context, batch []item, results []Result, form string, setting Setting, alone bool) error {
	letters := make([]*letter, len(batch))
	for i, m := range batch {
		var err error
		if letters[i], err = r.compose(m.octets, form, setting); err == nil {
			continue
		}
		if reason, refused := isRefusal(err); !refused {
			results[i].fault("%s, %s: it cannot be composed: %v", form, setting.Name, err)
		} else if results[i].Outcome != Failed {
			results[i].Outcome, results[i].Reason = Refused, reason
		}
	}
	if err := r.open(ctx, letters, alone); err != nil {
		return err
	}
	for i, l := range letters {
		if l == nil {
			continue
		}
		results[i].Copies += len(l.copies)
		if results[i].Outcome == Refused {
			results[i].fault("%s is not refused as other forms are", l.name)
		}
		for _, fault := range r.judge(l) {
			results[i].fault("%s", fault)
		}
	}
	return nil
}

// open has gpg verify and decrypt all copies, what can be in one process.
func (r *run) open(ctx context.Context, letters []*letter, alone bool) error {
	var together []*madeCopy
	var messages [][]byte
	for _, l := range letters {
		if l == nil {
			continue
		}
		for i := range l.copies {
			c := &l.copies[i]
			if c.kind != "signed" {
				c.sealed, _ = openContainer(c.text, "multipart/encrypted")
				together, messages = append(together, c), append(messages, readEntity(c.sealed.parts[1]).content())
				continue
			}
			c.sealed, _ = openContainer(c.text, "multipart/signed")
			signature := readEntity(c.sealed.parts[1]).content()
			if attached, err := attach(c.sealed.parts[0], signature); err == nil && !alone {
				together, messages = append(together, c), append(messages, attached)
				continue
			}
			var err error
			if c.opened, err = r.people.gnupg.verify(ctx, c.sealed.parts[0], signature); err != nil {
				return err
			}
		}
	}
	if len(messages) == 0 {
		return nil
	}
	all, err := r.people.gnupg.open(ctx, messages)
	for i := range all {
		together[i].opened = all[i]
	}
	return err
}
