package gate

import (
	"context"
	"fmt"
	"io"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// noticeForm is what a notice may tell, and how it travels.
type noticeForm uint8

const (
	// terse is clear text to somebody who should get none: it has what the envelope and the outside of a sealed copy
	// show of a message, and leaves out why it was refused, in which the MTA may quote the message. A notice must come
	// all the same: without it the sender would believe that everybody has the message.
	terse noticeForm = iota
	// open is clear text to somebody who may get it.
	open
	// sealed is encrypted to its reader.
	sealed
)

// noticeForm decides about a notice as about any other message with the null sender, but for what is then refused or put
// off: that becomes terse. To put a notice off would have the message tried again and again, whose other copies have left.
// The certificate is nil unless the form is sealed.
func (g *Gate) noticeForm(ctx context.Context, r report) (noticeForm, *crypto.Cert) {
	var nobody mail.Addr
	ruling := stricter(rulingFor(g.Config.Policy, nobody, r.to), rulingFor(g.Config.Policy, r.author(), r.to))
	f := facts{mode: ruling.mode, author: signingWaived}
	var answer keys.Answer
	if ruling.mode != config.Pass && ruling.mode != config.Sign {
		answer = ruling.believed(g.lookup(ctx, r.to))
	}
	f.key, f.expected = answer.Status, answer.SeenBefore || answer.Announced
	switch action, _ := decide(f); action {
	case Encrypt:
		return sealed, answer.Cert
	case Pass:
		return open, nil
	default:
		return terse, nil
	}
}

// noticeFor returns header and body of a notice. What cannot be encrypted to a reader who has a key is terse.
func (g *Gate) noticeFor(ctx context.Context, r report) (mail.Header, io.WriterTo) {
	form, cert := g.noticeForm(ctx, r)
	r.terse = form != sealed && form != open
	header, body := r.compose()
	if form != sealed {
		return header, body
	}
	sealedHeader, sealedBody, err := g.sealNotice(ctx, r, header, body, cert)
	if err != nil {
		g.tell(event.NoticeBare, r.about, event.NoticeTo(r.to), event.Key(cert.Fingerprint()), event.Err(err))
		r.terse = true
		header, body = r.compose()
		return header, body
	}
	return sealedHeader, sealedBody
}

// sealNotice encrypts a notice, which the archive reads like anything that is encrypted here. Nobody signs it: it is a
// letter of this program's, and the key of a person or of the postmaster would say that they have written it.
func (g *Gate) sealNotice(ctx context.Context, r report, header mail.Header, body octets, to *crypto.Cert) (mail.Header, io.WriterTo, error) {
	draft, err := g.Composer.Prepare(&mail.Message{Header: header, Body: body})
	if err != nil {
		return nil, nil, fmt.Errorf("seal a notice: %w", err)
	}
	var nobody mail.Addr
	options, err := g.sealingOptions(ctx, nobody, nil, r.about.Envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("seal a notice: %w", err)
	}
	copies, err := draft.Encrypt(nil, []pgpmime.Reader{{Cert: to}}, options)
	if err != nil {
		return nil, nil, fmt.Errorf("seal a notice: %w", err)
	}
	return copies[0].Header, copies[0].Body, nil
}
