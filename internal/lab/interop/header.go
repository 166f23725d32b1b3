package interop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// headerKind is a way to treat the header.
type headerKind struct {
	name            string
	confidentiality pgpmime.Confidentiality
	legacyDisplay   bool
	introduces      bool
}

func headerKinds() []headerKind {
	return []headerKind{
		{name: "baseline"},
		{name: "baseline, legacy display", legacyDisplay: true},
		{name: "shy", confidentiality: pgpmime.Shy},
		{name: "shy, legacy display", confidentiality: pgpmime.Shy, legacyDisplay: true},
		{name: "none", confidentiality: pgpmime.NoConfidentiality},
		{name: "none, legacy display", confidentiality: pgpmime.NoConfidentiality, legacyDisplay: true},
		{name: "certificate attached, in Autocrypt and gossiped", introduces: true},
		{name: "the same, shy, legacy display", introduces: true, confidentiality: pgpmime.Shy, legacyDisplay: true},
	}
}

// style is how a composer is set for a kind.
func (k headerKind) style(who correspondents) (style, error) {
	s := style{by: composer()}
	s.by.Confidentiality, s.by.LegacyDisplay = k.confidentiality, k.legacyDisplay
	if !k.introduces {
		return s, nil
	}
	s.introduction.Attached = who.alice.Cert()
	for addr, key := range map[string]*crypto.SecretKey{alice: who.alice, bob: who.bob} {
		a, err := mail.ParseAddr(addr)
		if err != nil {
			return s, err
		}
		minimal, err := key.Cert().Minimal(a, time.Now())
		if err != nil {
			return s, err
		}
		if addr == alice {
			field, err := pgpmime.Autocrypt(a, minimal, false)
			if err != nil {
				return s, err
			}
			s.introduction.Outside = append(s.introduction.Outside, field, pgpmime.OpenPGP(who.alice.Fingerprint(), "", true))
			continue
		}
		field, err := pgpmime.AutocryptGossip(a, minimal)
		if err != nil {
			return s, err
		}
		s.introduction.Gossip = append(s.introduction.Gossip, field)
	}
	return s, nil
}

// expect says what is different for readers.
func (k headerKind) expect(s *sample) {
	s.subjectVisible = k.confidentiality == pgpmime.NoConfidentiality
	s.legacy = s.form.encrypted() && k.legacyDisplay && !s.subjectVisible
	if k.confidentiality == pgpmime.Shy && s.form.encrypted() {
		s.author = authorName
	}
	s.attached = k.introduces
}

// The name and the description of the attached certificate: a client lists one of them.
func (s *sample) certificateName() string { return "OpenPGP_0x" + s.signer[len(s.signer)-16:] + ".asc" }

const certificateDescription = "OpenPGP public key"

// composeHeaders makes the table of ways to treat the header.
func (r *run) composeHeaders(ctx context.Context, letters []letter) error {
	who, bobs, eves, err := r.people(ctx, common)
	if err != nil {
		return err
	}
	var names []string
	for _, l := range letters {
		names = append(names, "\""+l.name+"\"")
	}
	t := &table{title: "Header confidentiality, legacy display, and keys that travel", about: "The letters are " + strings.Join(names, " and ") +
		". Where names are hidden (shy), the author's must be shown all the same."}
	r.tables = append(r.tables, t)
	for i, kind := range headerKinds() {
		how, err := kind.style(who)
		if err != nil {
			return err
		}
		for j, l := range letters {
			version := l
			version.name = fmt.Sprintf("header %d.%d", i, j) // it becomes the Message-ID
			samples, err := compose(how, who, version)
			if err != nil {
				return err
			}
			for _, f := range forms {
				s := samples[f.form]
				kind.expect(s)
				if err := checkHidden(s); err != nil {
					return fmt.Errorf("%s: %w", kind.name, err)
				}
				name := strings.Join([]string{kind.name, l.name, f.form.String()}, ", ")
				if f.form == hidden {
					name += ", hidden"
				}
				r.add(t, name, s, boxOf(f.form, bobs, eves), false)
			}
		}
	}
	return nil
}
