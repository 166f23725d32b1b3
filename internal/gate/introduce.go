package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// Correspondence knows who has sent encrypted mail to whom.
type Correspondence interface {
	// HasEncryptedTo reports whether the reader has sent the author an encrypted message, as far as is known here.
	HasEncryptedTo(ctx context.Context, reader, author mail.Addr) (bool, error)
}

// introduce has the copies of a draft tell of keys, and decides which have the author's certificate attached.
func (g *Gate) introduce(ctx context.Context, draft *pgpmime.Draft, m *mail.Message, plan *Plan, signer *crypto.Signer) {
	i := g.introduction(m, plan, signer)
	draft.Introduce(i)
	for at := range plan.Decisions {
		d := &plan.Decisions[at]
		d.attach = i.Attached != nil && g.lacksKey(ctx, plan.Author, *d)
	}
}

// introduction returns what the copies of a message tell of keys. It is empty for what is not a person's own letter:
// mail with the null sender, reports such as read receipts, and what a mailing list redistributes. The author's
// certificate is told of only if it names the author, who is the only one: a key that signs for others is nobody's to
// answer to.
func (g *Gate) introduction(m *mail.Message, plan *Plan, signer *crypto.Signer) pgpmime.Introduction {
	var i pgpmime.Introduction
	from, err := fromMailboxes(m.Header)
	if err != nil || len(from) != 1 || plan.Author.IsNull() || from[0].Key() != plan.Author.Key() || !isLetter(m) {
		return i
	}
	if g.Config.Headers.Gossip {
		i.Gossip = g.gossip(m.Header, plan)
	}
	if signer == nil || !names(signer.Cert(), from[0]) {
		return i
	}
	kind := autocryptField
	if g.Config.Headers.PreferEncrypt {
		kind = autocryptMutualField
	}
	autocrypt, err := g.keyFields.get(kind, signer.Cert(), from[0], g.Now())
	if err == nil && m.Header.Size() > maxBesideAutocrypt {
		err = errLongHeader
	}
	if g.Config.Headers.Autocrypt && !g.keeps(m.Header, "Autocrypt") {
		switch {
		case err == nil && g.hidesNames() && tellsName(signer.Cert()):
			i.OutsideSigned = append(i.OutsideSigned, autocrypt)
		case err == nil:
			i.Outside = append(i.Outside, autocrypt)
		default:
			g.tell(event.NoAutocrypt, m, event.Author(plan.Author), event.Err(err))
		}
	}
	if g.Config.Headers.OpenPGP && !g.keeps(m.Header, "OpenPGP") {
		var unusable *crypto.Unusable
		fingerprint := signer.Cert().Fingerprint()
		place := certificatePlace(g.Config.Headers.OpenPGPURL, fingerprint, from[0])
		i.Outside = append(i.Outside, pgpmime.OpenPGP(fingerprint, place, !errors.As(err, &unusable)))
	}
	switch g.Config.Crypto.AttachKey {
	case config.AttachSigned, config.AttachAlways, config.AttachUntilEncrypted:
		if i.Attached, err = signer.Cert().For(from[0]); err != nil {
			g.tell(event.NoAttached, m, event.Author(plan.Author), event.Err(err))
		}
	}
	return i
}

// keeps reports whether copies have the field of the client's own.
func (g *Gate) keeps(h mail.Header, name string) bool {
	return h.Has(name) && !slices.ContainsFunc(g.Config.Headers.Strip, func(stripped string) bool { return strings.EqualFold(stripped, name) })
}

// lacksKey reports whether a recipient's copy is to have the author's certificate attached. To one of whom it cannot be
// found out it is sent once more.
func (g *Gate) lacksKey(ctx context.Context, author mail.Addr, d Decision) bool {
	switch g.Config.Crypto.AttachKey {
	case config.AttachAlways:
		return true
	case config.AttachSigned:
		return d.Do == SignOnly
	case config.AttachUntilEncrypted:
		if g.Correspondence == nil || d.Do != Encrypt && d.Do != SignOnly {
			return true
		}
		knows, err := g.Correspondence.HasEncryptedTo(ctx, d.To.Addr, author)
		if err != nil {
			event.UnknownHas.Log(g.Log, event.Author(author), event.To(d.To.Addr), event.Err(err))
		}
		return err != nil || !knows
	default:
		return false
	}
}

// maxBesideAutocrypt is how many octets a header may have for 10 KiB more to be no matter: sendmail refuses copies with
// 32 KiB (MaxHeadersLength).
const maxBesideAutocrypt = 16 << 10

var errLongHeader = errors.New("the header is long already")

// isLetter reports whether a message is one that somebody writes to others, rather than one that a program makes of another
// message (Autocrypt Level 1, "Updating Autocrypt Peer State": readers pass over fields in multipart/report).
func isLetter(m *mail.Message) bool {
	precedence := strings.ToLower(m.Header.Get("Precedence"))
	contentType, _, _ := strings.Cut(strings.ToLower(m.Header.Get("Content-Type")), ";")
	return !m.Envelope.Sender.IsNull() && !m.Header.Has("List-Id") && precedence != "list" &&
		strings.TrimSpace(contentType) != "multipart/report"
}

// names reports whether a certificate says that it is the address's.
func names(c *crypto.Cert, addr mail.Addr) bool {
	return slices.ContainsFunc(c.Addrs(), func(a mail.Addr) bool { return a.Key() == addr.Key() })
}

// hidesNames reports whether encrypted copies hide the names of people (hcp_shy: RFC 9788, section 3.2.2).
func (g *Gate) hidesNames() bool {
	switch g.Config.Headers.Confidentiality {
	case config.Baseline, config.NoConfidentiality:
		return false
	default:
		return true
	}
}

// tellsName reports whether a User ID of the certificate is more than an address.
func tellsName(c *crypto.Cert) bool {
	return slices.ContainsFunc(c.UserIDs(), func(id string) bool {
		name, _, named := strings.Cut(id, "<")
		return named && strings.TrimSpace(name) != ""
	})
}

// certificatePlace fills in the template of a URL.
func certificatePlace(template, fingerprint string, addr mail.Addr) string {
	return strings.NewReplacer(
		"{fingerprint}", fingerprint,
		"{address}", percentEncoded(addr.Local()+"@"+addr.Domain()),
		"{local}", percentEncoded(addr.Local()),
		"{domain}", percentEncoded(addr.Domain()),
	).Replace(template)
}

// percentEncoded leaves only what has no meaning of its own anywhere in a URL (RFC 3986, section 2.3).
func percentEncoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
