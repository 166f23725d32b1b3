package gate

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

// Certificates finds the key of an address. [keys.Directory] does.
type Certificates interface {
	Lookup(ctx context.Context, addr mail.Addr) keys.Answer
}

// Signers has the keys of authors. [keys.Senders] does.
type Signers interface {
	// Signer returns errors that wrap [keys.ErrNoSecretKey] only if the author has no key at all.
	Signer(ctx context.Context, addr mail.Addr) (*crypto.Signer, error)
	Generate(ctx context.Context, addr mail.Addr, options keys.GenerateOptions) (keys.SenderKey, error)
}

// SMIME has the X.509 certificates of recipients. [keys.SMIME] does.
type SMIME interface {
	// Valid returns those of an address to which a message may be encrypted at that time.
	Valid(addr mail.Addr, at time.Time) []*x509.Certificate
}

// Gate decides by one configuration and never changes: a new configuration is a new Gate. It is safe for concurrent use.
type Gate struct {
	Config       *config.Config
	Certificates Certificates
	// SMIME tells for whom a message is that came encrypted by S/MIME; nil if nobody's certificates are known.
	SMIME    SMIME
	Signers  Signers
	Composer *pgpmime.Composer
	// Archive is the certificate in the file that Config names for it; nil if it names none.
	Archive *crypto.Cert
	// Learner is told who writes encrypted to whom; nil for nobody.
	Learner Learner
	Outbox  *outbox.Outbox
	// Passes is needed where the MTA splits messages by recipient.
	Passes PassKeys
	Now    func() time.Time
	Rand   io.Reader
	Log    *slog.Logger
	// Correspondence is asked who has the author's key already; nil for nobody.
	Correspondence Correspondence
	// Observer is told what is done; nil for nobody.
	Observer Observer

	keyFields keyFields
}

// Transaction is one message on its way through the gate: what was promised at RCPT TO is remembered until its end.
// Its methods are called one after the other.
type Transaction struct {
	gate   *Gate
	stage  stage
	origin Origin
	// promised has the recipients whose key was found at RCPT TO, by [mail.Addr.Key].
	promised map[string]bool
	// refused are the recipients who were refused there.
	refused []Decision
	// asked is the mode that the message asks for, "" for none.
	asked config.Mode
	// quoted means that this may be somebody else's wish, so that it is good for more than the policy wants only.
	quoted bool
	// sealedElsewhere is that of [Plan].
	sealedElsewhere bool
	// test marks a test message, which is refused at its end.
	test bool
}

// Begin is called at MAIL FROM. It returns nil for mail that is not touched or that the gate itself is sending, and a
// [*mail.Failure] for a sender who may not use the address or the listener.
func (g *Gate) Begin(_ context.Context, env *mail.Envelope) (*Transaction, error) {
	t, err := g.begin(env)
	if err != nil {
		g.tellRefusal(env, nil, err)
	}
	return t, err
}

func (g *Gate) begin(env *mail.Envelope) (*Transaction, error) {
	if env.Daemon == mail.DaemonCopies {
		if g.Outbox.Owns(netip.AddrPortFrom(env.Client, env.ClientPort), netip.AddrPort{}, env.Helo) {
			return nil, nil
		}
		return nil, mail.Reject("5.7.1", "This listener is for the mail encryption service alone", nil)
	}
	at := stageOf(env)
	if at == inner {
		return g.beginInner(env)
	}
	origin := originOf(env, g.Config.Senders.Trust)
	switch origin {
	case Foreign:
		if at == whole {
			return nil, nil
		}
	case Authenticated, Trusted, NonSMTP:
	default:
		return nil, mail.Defer("4.7.0", "The mail server does not say where this message comes from.", nil)
	}
	test := origin != NonSMTP && testEnvelope(env)
	// Whose mail without SMTP is may show in its header only. Foreign mail is not signed, and a test message not sent.
	if (origin == Authenticated || origin == Trusted) && !test {
		if err := checkSender(g.Config.Senders, origin, env); err != nil {
			return nil, err
		}
	}
	return &Transaction{gate: g, stage: at, origin: origin, promised: map[string]bool{}, test: test}, nil
}

// Rcpt refuses a recipient who cannot be served: one without a key in mode require, or one whose key cannot be found out
// and who is known to have one. In mail from local programs everybody is accepted here, and decided for at the end. So are
// those who have a certificate for S/MIME, to which the message may come encrypted, and those for whom the author may
// ask for a less strict mode.
func (t *Transaction) Rcpt(ctx context.Context, env *mail.Envelope, to mail.Recipient) error {
	if t.stage == inner || t.test || t.origin == NonSMTP || t.origin == Foreign || t.replaced(to) {
		return nil
	}
	r := rulingFor(t.gate.Config.Policy, env.Sender, to.Addr)
	if r.mode == config.Pass || r.mode == config.Sign {
		return nil
	}
	began := t.gate.Now()
	found := t.gate.Certificates.Lookup(ctx, to.Addr)
	t.gate.observer().LookedUp(found.Status, t.gate.Now().Sub(began))
	answer := r.believed(found)
	if answer.Status == keys.Found {
		t.promised[to.Addr.Key()] = true
	}
	if d, refused := t.gate.atRcpt(r, to, answer); refused {
		t.refused = append(t.refused, d)
		t.gate.tellDecision(env, nil, d, d.reason(mail.Addr{}))
		return d.failure(mail.Addr{})
	}
	return nil
}

// atRcpt reports whether a recipient is refused at RCPT TO by a ruling for the envelope sender and what is known of
// their key. Whether the author can sign, and whether the message is encrypted already, shows at the end.
func (g *Gate) atRcpt(r ruling, to mail.Recipient, answer keys.Answer) (d Decision, refused bool) {
	if r.mode == config.Pass || r.mode == config.Sign || mayAskLess(g.Config.Policy.Request, r) {
		return d, false
	}
	action, why := decide(facts{mode: r.mode, key: answer.Status, expected: answer.SeenBefore || answer.Announced, author: signingReady})
	d = Decision{To: to, Do: action, Mode: r.mode, Rule: r.rule, policy: r.mode, verdict: why, answer: answer}
	return d, d.failure(mail.Addr{}) != nil && len(g.x509(r, to.Addr)) == 0
}

// Message decides about every recipient and carries the decisions out. What a local program sends is not refused, for the
// MTA would answer with a bounce that quotes the text, to the sender or, where there is none, to its postmaster: the
// sender gets a notice instead.
func (t *Transaction) Message(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	edit, err := t.end(ctx, m)
	if err != nil && !t.test {
		t.gate.tellRefusal(m.Envelope, m.Header, err)
	}
	return edit, err
}

// end is the end of a message.
func (t *Transaction) end(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	if token := t.testToken(m); t.stage != inner && (t.test || token != "") {
		t.test = true
		return nil, t.gate.answerTest(ctx, m, token)
	}
	switch t.stage {
	case front:
		return t.admit(ctx, m)
	case inner:
		return t.open(ctx, m)
	case whole:
	default:
		return nil, errors.New("a message at no known stage")
	}
	t.gate.identifySubmitter(m)
	identity := outbox.Identify(m)
	edit, err := t.message(ctx, m, identity)
	var refusal *mail.Failure
	if t.origin == NonSMTP && errors.As(err, &refusal) && !refusal.Temporary() {
		return t.gate.refuseAll(ctx, m, t.origin, identity, refusal)
	}
	return edit, err
}

func (t *Transaction) message(ctx context.Context, m *mail.Message, identity outbox.Identity) (*mail.Edit, error) {
	if err := t.gate.complete(m); err != nil {
		return nil, err
	}
	if err := t.heed(m); err != nil {
		return nil, err
	}
	plan, err := t.plan(ctx, m)
	if err != nil {
		return nil, err
	}
	return t.gate.carry(ctx, m, plan, identity)
}
