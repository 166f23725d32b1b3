package gate

import (
	"context"
	"errors"

	"sealmilter/crypto"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// sealingOptions are those for copies of what an author has written and a key signs, nil for none. The error is a
// [*mail.Failure] if the archive cannot read them now.
func (g *Gate) sealingOptions(ctx context.Context, author mail.Addr, by *crypto.Signer, env *mail.Envelope) (crypto.EncryptOptions, error) {
	o := crypto.EncryptOptions{Share: g.Config.Crypto.Share, NewestOnly: !g.Config.Crypto.AllSubkeys}
	archive, err := g.archive()
	if err != nil {
		return o, mail.Defer("4.7.5", archiveText, err)
	}
	if archive != nil {
		o.Also = append(o.Also, archive)
	}
	if self := g.self(ctx, author, by, env); self != nil {
		o.Also = append(o.Also, self)
	}
	return o, nil
}

// archiveText is what a client is told while the archive cannot read what is to be encrypted.
const archiveText = "The certificate of the mail archive cannot be used at the moment. Please try again later, or tell the postmaster."

// self returns the author's own certificate if they are to read what they send, and their own key signs it: what is signed
// by nobody, or by a key that the site has for others, is not from their hand. A certificate that cannot be encrypted to
// holds up nothing, since the recipients can read their copies.
func (g *Gate) self(ctx context.Context, author mail.Addr, by *crypto.Signer, env *mail.Envelope) *crypto.Cert {
	if !g.Config.Crypto.EncryptToSelf || author.IsNull() || by == nil {
		return nil
	}
	own, err := g.Signers.Signer(ctx, author)
	if errors.Is(err, keys.ErrNoSecretKey) || err == nil && own.Cert().Fingerprint() != by.Cert().Fingerprint() {
		return nil
	}
	if err == nil {
		err = own.Cert().Check(g.Now())
	}
	if err != nil {
		event.SelfUnreadable.Log(g.Log, event.QueueID(env.QueueID), event.Author(author), event.Err(err))
		return nil
	}
	return own.Cert()
}
