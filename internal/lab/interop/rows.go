package interop

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
)

// compose makes all messages.
func (r *run) compose(ctx context.Context) error {
	carol, err := lab.NewGPG(ctx, r.progress)
	if err != nil {
		return err
	}
	r.close = append(r.close, carol.Close)
	fingerprint, err := carol.Generate(ctx, "Carol <carol@example.com>", "")
	if err != nil {
		return err
	}
	if r.carol, err = carol.ExportPublic(ctx, fingerprint); err != nil {
		return err
	}
	all, err := letters(func(e entity) (string, error) {
		armored, err := carol.Run(ctx, []byte(e), "--armor", "--detach-sign", "--digest-algo", "SHA512")
		return strings.ReplaceAll(string(armored), "\n", "\r\n"), err
	})
	if err != nil {
		return err
	}
	named := func(name string) int { return slices.IndexFunc(all, func(l letter) bool { return l.name == name }) }
	html, chosen := named("text and HTML"), named("attachments, UTF-8 names")
	if html < 0 || chosen < 0 {
		return errors.New("a letter for the tables of other things than letters is missing")
	}
	if err := r.composeLetters(ctx, all, all[chosen]); err != nil {
		return err
	}
	if err := r.composeKeys(ctx, all[chosen]); err != nil {
		return err
	}
	if err := r.composeHeaders(ctx, []letter{all[html], all[chosen]}); err != nil {
		return err
	}
	return r.composeRelayed(ctx, all)
}

// forms are the tables of letters.
var forms = []struct {
	form         form
	title, about string
}{
	{signed, "Signed", "Clear text with the author's signature, for recipients without a key."},
	{sealed, "Encrypted and signed", "For a recipient in To."},
	{automatic, "Encrypted without a signature", "For a recipient in To, from an author who has no key."},
	{hidden, "Encrypted and signed for a hidden recipient", "For a recipient in Bcc."},
}

// composeLetters makes a table for each form, and that of broken messages.
func (r *run) composeLetters(ctx context.Context, all []letter, chosen letter) error {
	r.tell("Composing %d letters", len(all))
	who, bobs, eves, err := r.people(ctx, common)
	if err != nil {
		return err
	}
	tables := make(map[form]*table)
	for _, f := range forms {
		tables[f.form] = &table{title: f.title, about: f.about}
		r.tables = append(r.tables, tables[f.form])
	}
	for _, l := range all {
		samples, err := compose(usual(), who, l)
		if err != nil {
			return err
		}
		for _, f := range forms {
			if err := checkHidden(samples[f.form]); err != nil {
				return err
			}
			r.add(tables[f.form], l.name, samples[f.form], boxOf(f.form, bobs, eves), false)
		}
	}
	return r.composeBroken(ctx, chosen, who, bobs)
}

// composeKeys makes the table of kinds of keys.
func (r *run) composeKeys(ctx context.Context, chosen letter) error {
	t := &table{title: "Kinds of keys", about: "Author and recipient have keys of the kind; the letter is \"" + chosen.name + "\"."}
	r.tables = append(r.tables, t)
	for _, kind := range keyKinds() {
		r.tell("Making keys: %s", kind.name)
		who, bobs, eves, err := r.people(ctx, kind)
		if err != nil {
			return err
		}
		samples, err := compose(usual(), who, chosen)
		if err != nil {
			return err
		}
		for _, f := range forms {
			name := kind.name + ", " + f.form.String()
			if f.form == hidden {
				name += ", hidden"
			}
			r.add(t, name, samples[f.form], boxOf(f.form, bobs, eves), kind.v6)
		}
	}
	return nil
}

func boxOf(f form, bobs, eves *mailbox) *mailbox {
	if f == hidden {
		return eves
	}
	return bobs
}

// people makes correspondents and the recipients' mailboxes.
func (r *run) people(ctx context.Context, kind keyKind) (who correspondents, bobs, eves *mailbox, err error) {
	if who, err = newCorrespondents(ctx, r.progress, kind); err != nil {
		return who, nil, nil, err
	}
	if bobs, err = r.box(ctx, who, who.bob); err == nil {
		eves, err = r.box(ctx, who, who.eve)
	}
	return who, bobs, eves, err
}

// box makes a mailbox, which ends with the run.
func (r *run) box(ctx context.Context, who correspondents, key *crypto.SecretKey) (*mailbox, error) {
	box, err := newMailbox(ctx, r.progress, filepath.Join(r.dir, fmt.Sprint(len(r.boxes))), who, key, r.carol)
	if err != nil {
		return nil, err
	}
	r.boxes = append(r.boxes, box)
	r.close = append(r.close, box.Close)
	return box, nil
}

// add puts a message into a mailbox and a row into a table.
func (r *run) add(t *table, name string, s *sample, box *mailbox, v6 bool) {
	t.rows = append(t.rows, row{name, s, box, v6})
	t.cells = append(t.cells, make([]string, len(r.programs)))
	r.received[box] = append(r.received[box], s)
}
