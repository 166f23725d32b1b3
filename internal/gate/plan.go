package gate

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// Plan is what becomes of a message.
type Plan struct {
	Origin Origin
	// Author is the first mailbox of the From field, null for automatic mail without one.
	Author mail.Addr
	// Signer is whose key signs, or would if it could be used: the author's, or a site key's. It is null if nobody's does.
	Signer mail.Addr
	// Asked is the mode that the message asks for, "" for none.
	Asked config.Mode
	// Decisions are in the order of the envelope, one for each recipient.
	Decisions []Decision
	// Refusal is the answer to the whole message because of one of the recipients: nobody gets it. It is nil if everybody gets
	// what is decided. Only [Gate.Plan] fills it in.
	Refusal *mail.Failure

	signer *crypto.Signer // nil if there is none, or none yet
	// generate says that the author's key is to be made first.
	generate bool
	// less says that what the message asks for counts where it is less than the policy wants, too.
	less bool
	// redistributed mail is sent by somebody else than its author.
	redistributed bool
	// hearsay means that Author is only who the From field names: the client need not be allowed to write as them.
	hearsay bool
	// refused are the recipients who were refused at RCPT TO.
	refused []Decision
	// sealedElsewhere means that the message is kept together, and others get it encrypted, of whom this is not the place to
	// decide.
	sealedElsewhere bool
}

// SignerFingerprint names the key that signs, "" if there is none, or none yet.
func (p *Plan) SignerFingerprint() string {
	if p.signer == nil {
		return ""
	}
	return p.signer.Cert().Fingerprint()
}

// Decision is what one recipient gets.
type Decision struct {
	To mail.Recipient
	Do Action
	// Mode is the mode that was applied: the policy's, or the one that the message asks for.
	Mode config.Mode
	// Rule is the number of the rule in the policy that applies, from 1 on; 0 if none covers the recipient.
	Rule int
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
	// policy is the mode without what the message asks for.
	policy config.Mode
	// together is that of the ruling.
	together bool
	// signer is [Plan.Signer].
	signer mail.Addr
	// early is the decision at RCPT TO if the recipient is refused there, nil for the others.
	early *Decision
}

// Trace returns what each key source said of the recipient.
func (d Decision) Trace() []keys.Step { return d.answer.Trace }

// plan decides about every recipient of a message from which the request has been taken.
func (t *Transaction) plan(ctx context.Context, m *mail.Message) (*Plan, error) {
	ctx = keys.AtOneMoment(ctx)
	g, origin := t.gate, t.origin
	p := &Plan{Origin: origin, Asked: t.asked, redistributed: isRedistributed(m), sealedElsewhere: t.sealedElsewhere,
		less: g.Config.Policy.Request.Less && !t.quoted}
	if err := checkSender(g.Config.Senders, origin, m.Envelope); err != nil {
		return nil, err
	}
	automatic := isAutomatic(m.Envelope, origin)
	c := claimantOf(origin, m.Envelope)
	p.hearsay = p.redistributed || automatic && c.anybody
	ownReport := automatic && !c.anybody && isReport(m)
	if !ownReport && (!automatic || hasAuthor(m, c)) {
		var err error
		if p.Author, err = author(g.Config.Senders, origin, m); err != nil {
			return nil, err
		}
	}
	state, authorErr := g.authorKey(ctx, p, m, automatic)
	protection := pgpmime.Inspect(m)
	for _, d := range g.questions(ctx, m.Envelope, p) {
		f := facts{author: state, mode: d.Mode, promised: t.promised[d.To.Addr.Key()],
			onceMore: g.Config.Policy.AlreadyEncrypted == config.EncryptOnceMore}
		f.key, f.expected = d.answer.Status, d.answer.SeenBefore || d.answer.Announced
		f.message, d.openedBy = d.encryption(protection)
		d.openPGP = d.answer.Cert != nil && protection.For(d.answer.Cert)
		d.Do, d.verdict = decide(f)
		if d.Do == Encrypt {
			d.Cert, d.Source, d.Level = d.answer.Cert, d.answer.Source, d.answer.Level
		}
		d.signer = p.Signer
		d.Why = d.reason(p.Author) + d.requestNote(p.Asked)
		p.Decisions = append(p.Decisions, d)
	}
	if ctx.Err() != nil {
		// What came of it says nothing of keys and sources: nobody waited for their answers.
		return nil, fmt.Errorf("decide about a message: %w", context.Cause(ctx))
	}
	g.holdForArchive(m.Envelope, p)
	for _, d := range t.refused {
		if slices.ContainsFunc(p.Decisions, func(later Decision) bool { return mailbox(later.To.Addr) == mailbox(d.To.Addr) }) {
			continue // accepted by another RCPT TO
		}
		d.together = stricter(rulingFor(g.Config.Policy, m.Envelope.Sender, d.To.Addr), rulingFor(g.Config.Policy, p.Author, d.To.Addr)).together
		p.refused = append(p.refused, d)
	}
	unusable := func(d Decision) bool { return d.verdict == authorKeyUnusable }
	if authorErr != nil && slices.ContainsFunc(p.Decisions, unusable) {
		g.observer().Unsigned()
		g.tell(event.KeyUnusable, m, event.Author(p.Author), event.Signer(p.Signer), event.Err(authorErr))
	}
	return p, nil
}

// maxLookups bounds the key lookups of one message that wait at the same time.
const maxLookups = 16

// questions returns one undecided decision for each mailbox among the recipients, with the policy's mode and the answer
// of the key directory. Lookups wait for other hosts, so they wait together.
func (g *Gate) questions(ctx context.Context, env *mail.Envelope, p *Plan) []Decision {
	policy := g.Config.Policy
	var all []Decision
	var senders, rulings []ruling
	seen := map[string]bool{}
	for _, to := range env.Recipients {
		if seen[mailbox(to.Addr)] {
			continue
		}
		seen[mailbox(to.Addr)] = true
		sender, author := rulingFor(policy, env.Sender, to.Addr), rulingFor(policy, p.Author, to.Addr)
		r := stricter(sender.asked(p.Asked, p.less), author.asked(p.Asked, p.less))
		all = append(all, Decision{To: to, Mode: r.mode, Rule: r.rule, policy: stricter(sender, author).mode, together: r.together})
		senders, rulings = append(senders, sender), append(rulings, r)
	}
	var lookups errgroup.Group
	lookups.SetLimit(maxLookups)
	for i := range all {
		if mode := all[i].Mode; mode == config.Pass || mode == config.Sign {
			continue
		}
		lookups.Go(func() error {
			answer := g.lookup(ctx, all[i].To.Addr)
			all[i].answer = rulings[i].believed(answer)
			if early, refused := g.atRcpt(senders[i], all[i].To, senders[i].believed(answer)); refused {
				all[i].early = &early
			}
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
			event.LookupPanicked.Log(g.Log, event.To(addr), event.Err(fmt.Errorf("panic with a %T", p)), event.Stack(string(debug.Stack())))
			answer = keys.Answer{Why: "the key lookup failed", SeenBefore: true}
		}
	}()
	return g.Certificates.Lookup(ctx, addr)
}

// mailbox is the same for all spellings of a recipient that an MTA may take for one: with or without quotes, angle
// brackets and a source route, and in any case of the domain. The case of the local part counts.
func mailbox(a mail.Addr) string { return a.Local() + "@" + a.Domain() }

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
		return fmt.Sprintf("the secret key of %s cannot be used now", d.signer)
	case archiveUnusable:
		return "the certificate of the archive cannot be used now"
	case signatureWaived:
		return "an automatic message without a sender goes as it is: its author has no key to sign with"
	case signatureDeclined:
		return "the message goes as it is: who sends it is not its author, whose key does not sign what others may have changed"
	case notTogether:
		return "others have got the message encrypted, and it cannot be encrypted to this recipient"
	default:
		return "no rule decides"
	}
}

// requestNote says what has become of the mode that the message asks for, as the end of a sentence.
func (d Decision) requestNote(asked config.Mode) string {
	switch {
	case asked == "" || d.Mode == d.policy && asked == d.Mode:
		return ""
	case d.Mode == asked:
		return fmt.Sprintf("; the message asks for %s", asked)
	default:
		return fmt.Sprintf("; the message asks for %s, for which it may not", asked)
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
				author, shell.Arguments(author.String())), nil)
		}
		if d.verdict == notTheirs {
			return mail.Reject("5.7.1", fmt.Sprintf("Mail to %s must be encrypted to them. This message is encrypted already, but not to a key of theirs that is known here. %s",
				d.To.Addr, d.wayOut()), nil)
		}
		if d.verdict == notTogether {
			return mail.Reject("5.7.1", fmt.Sprintf("Others have got this message encrypted, and it cannot be encrypted to %s, who gets nothing therefore. Ask them for a valid OpenPGP certificate and give it to the postmaster.",
				d.To.Addr), nil)
		}
		if d.Mode != d.policy {
			return mail.Reject("5.7.1", fmt.Sprintf("The message asks to be encrypted, and to %s that is not possible: %s. Ask them for a valid OpenPGP certificate and give it to the postmaster, or send the message without asking.",
				d.To.Addr, d.answer.Why), nil)
		}
		return mail.Reject("5.7.1", fmt.Sprintf("Mail to %s must be encrypted, and that is not possible: %s. %s", d.To.Addr, d.answer.Why, d.wayOut()), nil)
	default:
		if d.verdict == authorKeyUnusable {
			return mail.Defer("4.7.5", fmt.Sprintf("The OpenPGP key of %s cannot be used at the moment. Please try again later, or tell the postmaster.", d.signer), nil)
		}
		if d.verdict == archiveUnusable {
			return mail.Defer("4.7.5", archiveText, nil)
		}
		return mail.Defer("4.7.5", fmt.Sprintf("It cannot be found out at the moment whether mail to %s can be encrypted. Please try again later.", d.To.Addr), nil)
	}
}
