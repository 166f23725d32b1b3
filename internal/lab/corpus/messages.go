package corpus

import (
	"context"
	"fmt"
)

// messages composes, opens and judges a batch of messages.
func (r *run) messages(ctx context.Context, batch []item) error {
	results := make([]Result, len(batch))
	letters := make([][]*letter, len(batch))
	for i, m := range batch {
		results[i] = Result{Name: m.name, Kind: "message", Outcome: Verified}
		var err error
		if letters[i], err = r.composeSafely(m.octets); err != nil {
			if reason, refused := isRefusal(err); refused {
				results[i].Outcome, results[i].Reason = Refused, reason
			} else {
				results[i].fault("it cannot be composed: %v", err)
			}
		}
	}
	if err := r.open(ctx, letters); err != nil {
		return err
	}
	for i := range batch {
		for _, l := range letters[i] {
			results[i].Copies += len(l.copies)
			for _, fault := range r.judge(l) {
				results[i].fault("%s", fault)
			}
		}
		r.report(results[i])
	}
	return nil
}

// composeSafely names a message that makes the composer panic.
func (r *run) composeSafely(text []byte) (letters []*letter, err error) {
	defer func() {
		if p := recover(); p != nil {
			letters, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return r.compose(text)
}

// open has gpg verify and decrypt all copies: one signature of each message on its own, as a mail client has it done, and all
// else together.
func (r *run) open(ctx context.Context, letters [][]*letter) error {
	var rest []*madeCopy
	var messages [][]byte
	for _, forms := range letters {
		for i, l := range forms {
			for j := range l.copies {
				c := &l.copies[j]
				if c.kind != "signed" {
					c.sealed, _ = openContainer(c.text, "multipart/encrypted")
					rest, messages = append(rest, c), append(messages, readEntity(c.sealed.parts[1]).content())
					continue
				}
				c.sealed, _ = openContainer(c.text, "multipart/signed")
				signature := readEntity(c.sealed.parts[1]).content()
				if attached, err := attach(c.sealed.parts[0], signature); err == nil && i > 0 {
					rest, messages = append(rest, c), append(messages, attached)
					continue
				}
				var err error
				if c.opened, err = r.people.gnupg.verify(ctx, c.sealed.parts[0], signature); err != nil {
					return err
				}
			}
		}
	}
	if len(messages) == 0 {
		return nil
	}
	all, err := r.people.gnupg.open(ctx, messages)
	for i := range all {
		rest[i].opened = all[i]
	}
	return err
}
