package milter

import (
	"errors"
	"fmt"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

var (
	errNoRecipient      = errors.New("milter: the edit deletes every recipient without discarding the message")
	errUnknownRecipient = errors.New("milter: the edit deletes a recipient that the message does not have")
)

// apply makes packets of the edit and returns the last answer to the message. This is the only place that makes
// modifications: both MTAs take them at the end of message only, and Postfix takes the body only in one run, so it
// comes last.
//
// When the edit fails half way the caller answers 4xx, and the MTA throws away what it was sent so far together with the
// message. The same holds when the connection breaks, provided that the MTA's default action is a temporary failure.
func (tx *transaction) apply(edit *mail.Edit, out *packets) (reply, error) {
	switch {
	case edit == nil && tx.repeated == 0:
		return reply{code: lib.ActContinue}, nil
	case edit == nil:
		edit = &mail.Edit{}
	case edit.Discard:
		return reply{code: lib.ActDiscard}, nil
	}
	header := edit.Header
	if header == nil && tx.repeated > 0 {
		header = tx.header[tx.repeated:]
	}
	frames, err := tx.deletions(edit.Delete)
	if err != nil {
		return reply{}, err
	}
	if header != nil {
		edits, err := headerEdits(tx.header, header)
		if err != nil {
			return reply{}, err
		}
		for _, e := range edits {
			frames = e.appendTo(frames)
		}
	}
	if err := out.add(frames); err != nil {
		return reply{}, fmt.Errorf("milter: send recipients and header: %w", err)
	}
	if edit.Body != nil {
		w := newBodyWriter(out)
		if _, err := edit.Body.WriteTo(w); err != nil {
			return reply{}, fmt.Errorf("milter: write the new body: %w", err)
		}
		if err := w.close(); err != nil {
			return reply{}, fmt.Errorf("milter: write the new body: %w", err)
		}
	}
	return reply{code: lib.ActContinue}, nil
}

// deletions returns the frames that delete recipients. A name that the MTA does not know it would ignore without a word,
// and the recipient would get a copy that is not theirs; a message without recipients it would drop without a word.
func (tx *transaction) deletions(recipients []mail.Recipient) ([]byte, error) {
	left := make(map[string]bool, len(tx.accepted))
	for _, raw := range tx.accepted {
		left[raw] = true
	}
	var frames []byte
	for _, r := range recipients {
		wanted, known := left[r.Raw]
		if !known {
			return nil, errUnknownRecipient
		}
		if wanted {
			frames = appendFrame(frames, lib.ActDelRcpt, r.Raw+"\x00")
		}
		left[r.Raw] = false
	}
	for _, stays := range left {
		if stays {
			return frames, nil
		}
	}
	return nil, errNoRecipient
}
