package interop

import (
	"bytes"
	"context"
	"fmt"
)

// composeBroken makes the table of messages that have a fault, or are not what is expected of them. It shows that every
// check can fail.
func (r *run) composeBroken(ctx context.Context, l letter, who correspondents, bobs *mailbox) error {
	t := &table{title: "Broken on purpose", about: "Messages with a fault, or of which something else is expected than they hold. " +
		"The run fails if a program has nothing to say about one of them.", broken: true}
	r.tables = append(r.tables, t)
	stranger := who
	var err error
	if stranger.alice, err = who.kind.generate(ctx, r.progress, alice); err != nil {
		return err
	}
	for i, broken := range []struct {
		name   string
		author correspondents
		made   form
		harm   func(*sample)
	}{
		{"text changed on the way", who, signed, func(s *sample) {
			s.raw = bytes.Replace(s.raw, []byte("lemmings follow"), []byte("lemmings Follow"), 1)
			s.texts = []string{"lemmings Follow"}
		}},
		{"encrypted data changed on the way", who, sealed, func(s *sample) { s.raw = changedArmor(s.raw) }},
		{"signed by a stranger", stranger, signed, func(s *sample) {}},
		{"signed by a stranger, encrypted", stranger, sealed, func(s *sample) {}},
		{"encrypted to somebody else", who, hidden, func(s *sample) {}},
		{"without the signature that is expected", who, automatic, func(s *sample) { s.form = sealed }},
		{"signed, and no signature expected", who, sealed, func(s *sample) { s.form = automatic }},
		{"not the Subject that is expected", who, sealed, func(s *sample) { s.subject = "Detached lemming" }},
		{"not the text that is expected", who, sealed, func(s *sample) {
			s.texts = []string{"Four lemmings follow."}
			s.original = bytes.Replace(s.original, []byte("Three"), []byte("Four"), 1)
		}},
		{"not the attachment that is expected", who, sealed, func(s *sample) {
			s.files = []string{"lemming.txt"}
			s.original = bytes.Replace(s.original, []byte("lemming.bin"), []byte("lemming.txt"), 1)
		}},
	} {
		version := l
		version.name = fmt.Sprintf("broken %d", i) // it becomes the Message-ID
		s, err := composeOne(usual(), broken.author, version, broken.made)
		if err != nil {
			return err
		}
		s.signer = who.alice.Fingerprint()
		broken.harm(s)
		r.add(t, broken.name, s, bobs, false)
	}
	return nil
}

// changedArmor replaces a character in the middle of a message's ASCII armor by another one.
func changedArmor(raw []byte) []byte {
	changed := bytes.Clone(raw)
	at := bytes.Index(changed, []byte("-----END")) - 200
	for changed[at] == '\r' || changed[at] == '\n' {
		at++
	}
	if changed[at] == 'A' {
		changed[at] = 'B'
	} else {
		changed[at] = 'A'
	}
	return changed
}
