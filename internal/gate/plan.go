package gate

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// Plan is what becomes of a message.
type Plan struct {
	Origin Origin
	// Author is whose key signs.
	Author mail.Addr
	// Decisions are in the order of the envelope, one for each recipient.
	Decisions []Decision

	signer *crypto.Signer // nil if there is none, or none yet
	// generate says that the author's key is to be made first.
	generate bool
}

// Decision is what one recipient gets.
type Decision struct {
	To mail.Recipient
	Do Action
	// Mode is the policy mode that was applied.
	Mode config.Mode
	// Cert is the certificate to encrypt to; nil unless Do is Encrypt.
	Cert *crypto.Cert
	// Source names who vouches for Cert, and Level how far that is believed.
	Source string
	Level  keys.Level
	// Why is for people.
	Why string

	verdict verdict
	answer  keys.Answer
	// attach says that the copy has the author's certificate attached.
	attach bool
	// x509 are the recipient's certificates for S/MIME.
	x509 []*x509.Certificate
	// openedBy names the key of the recipient that the message was encrypted to when it came, "" if there is none.
	openedBy string
	// openPGP says that this was a key of the recipient's OpenPGP certificate.
	openPGP bool
}

// Trace returns what each key source said of the recipient.
func (d Decision) Trace() []keys.Step { return d.answer.Trace }

// Plan decides about every recipient of a message. It has no effects but those of key lookups. The error is a
// [*mail.Failure] if the message as a whole is refused.
func (g *Gate) Plan(ctx context.Context, m *mail.Message) (*Plan, error) {
	origin := originOf(m.Envelope, g.Config.Senders.Trust)
	if origin == Foreign {
		p := &Plan{Origin: Foreign}
		for _, to := range m.Envelope.Recipients {
			p.Decisions = append(p.Decisions, Decision{To: to, Do: Pass, Why: "mail from elsewhere is not touched"})
		}
		return p, nil
	}
	return g.plan(ctx, m, origin, nil)
}

func (g *Gate) plan(ctx context.Context, m *mail.Message, origin Origin, promised map[string]bool) (*Plan, error) {
	p := &Plan{Origin: origin}
	if err := checkSender(g.Config.Senders, origin, m.Envelope); err != nil {
		return nil, err
	}
	automatic := isAutomatic(m.Envelope, origin)
	c := claimantOf(origin, m.Envelope)
	ownReport := automatic && !c.anybody && isReport(m)
	if !ownReport && (!automatic || hasAuthor(m, c)) {
		var err error
		if p.Author, err = author(g.Config.Senders, origin, m); err != nil {
			return nil, err
		}
	}
	state, authorErr := g.authorKey(ctx, p, automatic)
	protection := pgpmime.Inspect(m)
	for _, d := range g.questions(ctx, m.Envelope, p.Author) {
		f := facts{author: state, mode: d.Mode, promised: promised[d.To.Addr.Key()],
			onceMore: g.Config.Policy.AlreadyEncrypted == config.EncryptOnceMore}
		f.key, f.expected = d.answer.Status, d.answer.SeenBefore || d.answer.Announced
		f.message, d.openedBy = d.encryption(protection)
		d.openPGP = d.answer.Cert != nil && protection.For(d.answer.Cert)
		d.Do, d.verdict = decide(f)
		if d.Do == Encrypt {
			d.Cert, d.Source, d.Level = d.answer.Cert, d.answer.Source, d.answer.Level
		}
		d.Why = d.reason(p.Author)
		p.Decisions = append(p.Decisions, d)
	}
	g.holdForArchive(m.Envelope, p)
	unusable := func(d Decision) bool { return d.verdict == authorKeyUnusable }
	if authorErr != nil && slices.ContainsFunc(p.Decisions, unusable) {
		g.Log.Error("the author's key cannot be used", "queue_id", m.Envelope.QueueID, "author", p.Author.String(), "err", authorErr)
	}
	return p, nil
}

// maxLookups bounds the key lookups of one message that wait at the same time.
const maxLookups = 16

// questions returns one undecided decision for each mailbox among the recipients, with the policy's mode and the answer
// of the key directory. Lookups wait for other hosts, so they wait together.
func (g *Gate) questions(ctx context.Context, env *mail.Envelope, author mail.Addr) []Decision {
	var all []Decision
	var rulings []ruling
	seen := map[string]bool{}
	for _, to := range env.Recipients {
		if seen[mailbox(to.Addr)] {
			continue
		}
		seen[mailbox(to.Addr)] = true
		r := stricter(rulingFor(g.Config.Policy, env.Sender, to.Addr), rulingFor(g.Config.Policy, author, to.Addr))
		all, rulings = append(all, Decision{To: to, Mode: r.mode}), append(rulings, r)
	}
	var lookups errgroup.Group
	lookups.SetLimit(maxLookups)
	for i := range all {
		if mode := all[i].Mode; mode == config.Pass || mode == config.Sign {
			continue
		}
		lookups.Go(func() error {
			all[i].answer = rulings[i].believed(g.lookup(ctx, all[i].To.Addr))
			all[i].x509 = g.x509(rulings[i], all[i].To.Addr)
			return nil
		})
	}
	lookups.Wait() // none of them fails
	return all
}

// lookup asks the key directory. Nobody else can recover from a panic on a goroutine of its own; after one, the address
// may well have a key.
func (g *Gate) lookup(ctx context.Context, addr mail.Addr) (answer keys.Answer) {
	defer func() {
		if p := recover(); p != nil {
			g.Log.Error("a key lookup failed", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			answer = keys.Answer{Why: "the key lookup failed", SeenBefore: true}
		}
	}()
	return g.Certificates.Lookup(ctx, addr)
}

// mailbox is the same for all spellings of a recipient that an MTA may take for one: with or without quotes, angle
// brackets and a source route, and in any case of the domain. The case of the local part counts.
func mailbox(a mail.Addr) string { return a.Local() + "@" + a.Domain() }

// authorKey fills in the author's signer and returns the state of the key, with the reason if that is unknown.
func (g *Gate) authorKey(ctx context.Context, p *Plan, automatic bool) (signing, error) {
	if p.Author.IsNull() && automatic {
		return signingWaived, nil
	}
	signer, err := g.Signers.Signer(ctx, p.Author)
	switch {
	case err == nil:
		p.signer = signer
		return signingReady, nil
	case !errors.Is(err, keys.ErrNoSecretKey):
		return signingUnknown, err
	case automatic:
		return signingWaived, nil
	}
	switch g.Config.Senders.MissingKey {
	case config.GenerateKey:
		p.generate = true
		return signingReady, nil
	case config.EncryptOnly:
		return signingUnneeded, nil
	default:
		return signingMissing, nil
	}
}

// reason says in words why the action was taken.
func (d Decision) reason(author mail.Addr) string {
	switch d.verdict {
	case byMode:
		return fmt.Sprintf("the policy mode is %s", d.Mode)
	case alreadyTheirs:
		return "the message is encrypted to this recipient already: to " + d.openedBy
	case alreadyEncrypted:
		if d.Mode == config.Sign {
			return "the message is encrypted already"
		}
		return "the message is encrypted already, though not to a key that is known of this recipient"
	case notTheirs:
		return "the message is encrypted already, and not to a key that is known of this recipient"
	case keyFound:
		return fmt.Sprintf("key %s from %s", d.answer.Cert.Fingerprint(), d.answer.Source)
	case noKey, lookupFailed:
		return d.answer.Why
	case keyLost:
		return "the key that was there when the recipient was accepted is gone: " + d.answer.Why
	case noAuthorKey:
		return fmt.Sprintf("there is no secret key to sign for %s", author)
	case authorKeyUnusable:
		return fmt.Sprintf("the secret key of %s cannot be used now", author)
	case archiveUnusable:
		return "the certificate of the archive cannot be used now"
	case signatureWaived:
		return "an automatic message without a sender goes as it is: its author has no key to sign with"
	default:
		return "no rule decides"
	}
}

// failure returns what the client is told of a decision that sends nothing, nil for the others.
func (d Decision) failure(author mail.Addr) *mail.Failure {
	switch d.Do {
	case Encrypt, SignOnly, Pass:
		return nil
	case Reject:
		if d.verdict == noAuthorKey {
			return mail.Reject("5.7.1", fmt.Sprintf("There is no OpenPGP key to sign for %s, so nothing is sent. The postmaster can make one: sealmilter keys generate %s",
				author, author), nil)
		}
		if d.verdict == notTheirs {
			return mail.Reject("5.7.1", fmt.Sprintf("Mail to %s must be encrypted to them. This message is encrypted already, but not to a key of theirs that is known here. %s",
				d.To.Addr, d.wayOut()), nil)
		}
		return mail.Reject("5.7.1", fmt.Sprintf("Mail to %s must be encrypted, and that is not possible: %s. %s", d.To.Addr, d.answer.Why, d.wayOut()), nil)
	default:
		if d.verdict == authorKeyUnusable {
			return mail.Defer("4.7.5", fmt.Sprintf("The OpenPGP key of %s cannot be used at the moment. Please try again later, or tell the postmaster.", author), nil)
		}
		if d.verdict == archiveUnusable {
			return mail.Defer("4.7.5", archiveText, nil)
		}
		return mail.Defer("4.7.5", fmt.Sprintf("It cannot be found out at the moment whether mail to %s can be encrypted. Please try again later.", d.To.Addr), nil)
	}
}
