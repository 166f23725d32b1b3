package gate

import (
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// modes are those that can be asked for, the strictest first.
var modes = []config.Mode{config.Require, config.Prefer, config.Sign, config.Pass}

// heed reads what the author asks for and takes it out of the header. Mail that somebody else sends on is left alone: its
// author may be anybody, and has asked another system.
func (t *Transaction) heed(m *mail.Message) error {
	if isRedistributed(m) {
		return nil
	}
	request := t.gate.Config.Policy.Request
	asked, header, err := takeRequest(request, m.Header)
	if err != nil {
		return err
	}
	t.asked, t.quoted, m.Header = asked, isQuoted(request, m, asked), header
	return nil
}

// takeRequest returns the mode that a message asks for, "" for none, and its header without the request; h does not
// change. Of several requests the strictest counts. The error is a [*mail.Failure]: who asks in a way that cannot be
// understood would take their wish for granted.
func takeRequest(r config.Request, h mail.Header) (config.Mode, mail.Header, error) {
	var asked config.Mode
	if r.Header != "" {
		fields := h.All(r.Header)
		for _, f := range fields {
			asked = config.Mode(strings.ToLower(f.Text()))
		}
		if len(fields) > 1 || len(fields) == 1 && !slices.Contains(modes, asked) {
			return "", nil, mail.Reject("5.6.0", fmt.Sprintf("The field %s of the message must be there once, and say require, prefer, sign or pass and nothing else. Correct it, or leave it out, and send the message again.",
				r.Header), nil)
		}
		if len(fields) == 1 {
			h = h.Without(r.Header)
		}
	}
	if len(r.Subject) == 0 {
		return asked, h, nil
	}
	h = slices.Clone(h)
	tags := newSubjectTags(r.Subject)
	for i, f := range h {
		// Outlook repeats the Subject in Thread-Topic.
		if !f.Is("Subject") && !f.Is("Thread-Topic") {
			continue
		}
		value, found, err := tags.take(f.Value)
		if err != nil {
			return "", nil, err
		}
		h[i].Value = value
		if f.Is("Subject") && found != "" && (asked == "" || strictness(found) > strictness(asked)) {
			asked = found
		}
	}
	return asked, h, nil
}

// mayAskLess reports whether an author can have a recipient treated less strictly than the ruling says. Whether they do
// shows at the end of the message only.
func mayAskLess(r config.Request, by ruling) bool {
	if !r.Less || by.firm {
		return false
	}
	for _, mode := range r.Subject {
		if strictness(mode) < strictness(by.mode) {
			return true
		}
	}
	return r.Header != ""
}
