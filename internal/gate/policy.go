package gate

import (
	"fmt"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// Action is what a recipient gets. Defer is the zero value: what was not decided does not leave.
type Action uint8

const (
	// Defer sends nothing and asks for another try.
	Defer Action = iota
	// Reject sends nothing.
	Reject
	// Encrypt sends a copy that is signed and encrypted.
	Encrypt
	// SignOnly sends a signed copy in clear text.
	SignOnly
	// Pass sends the message as it came.
	Pass
)

// String returns the action in one word.
func (a Action) String() string {
	switch a {
	case Reject:
		return "reject"
	case Encrypt:
		return "encrypt"
	case SignOnly:
		return "sign"
	case Pass:
		return "pass"
	default:
		return "defer"
	}
}

// encryption is what the message was encrypted to when it came.
type encryption uint8

const (
	clearText encryption = iota
	// toOthers is encryption, but not provably to this recipient.
	toOthers
	// toThem is encryption to a key of this recipient.
	toThem
)

// signing is the state of the author's key.
type signing uint8

const (
	// signingUnknown is a key that exists and cannot be used now.
	signingUnknown signing = iota
	// signingMissing means that the author has no key, and nothing is sent without.
	signingMissing
	// signingUnneeded means that the author has no key, and what is encrypted goes without a signature.
	signingUnneeded
	// signingWaived means that the author of an automatic message has no key: it is encrypted without a signature, and
	// goes as it is where clear text may.
	signingWaived
	// signingDeclined means that somebody else sends the author's message on. What they have made of it is not the
	// author's, so the author's key does not sign it: it goes as with signingWaived.
	signingDeclined
	// signingReady is a key to sign with, or one about to be made.
	signingReady
)

// facts are all that a decision depends on.
type facts struct {
	mode config.Mode
	key  keys.Status
	// expected means that the recipient ever had a key, or that their domain announces keys.
	expected bool
	// promised means that the recipient's key was found at RCPT TO.
	promised bool
	message  encryption
	// onceMore means that mode prefer encrypts what is encrypted to others once more.
	onceMore bool
	author   signing
}

// verdict names the row of the table that decided.
type verdict uint8

const (
	undecided         verdict = iota
	byMode                    // the mode says so whatever the keys
	alreadyTheirs             // encrypted to this recipient already
	alreadyEncrypted          // encrypted already, if not to them
	notTheirs                 // encrypted already, and not to them
	keyFound                  // their key is known
	noKey                     // they have no key
	lookupFailed              // it is not known whether they have a key
	keyLost                   // they had a key at RCPT TO
	noAuthorKey               // the author has no key
	authorKeyUnusable         // the author's key cannot be used now
	archiveUnusable           // the archive's certificate cannot be used now
	signatureWaived           // clear text may leave, and the author of an automatic message has no key
	signatureDeclined         // clear text may leave, and the author has not sent this message
	notTogether               // others have got it encrypted, and it cannot be encrypted to this recipient
	verdicts
)

// decide is the policy, as a pure table.
func decide(f facts) (Action, verdict) {
	switch action, why := decideForRecipient(f); action {
	case Encrypt:
		switch f.author {
		case signingReady, signingUnneeded, signingWaived, signingDeclined:
			return Encrypt, why
		case signingMissing:
			return Reject, noAuthorKey
		default:
			return Defer, authorKeyUnusable
		}
	case SignOnly:
		switch f.author {
		case signingReady:
			return SignOnly, why
		case signingWaived:
			return Pass, signatureWaived
		case signingDeclined:
			return Pass, signatureDeclined
		case signingMissing, signingUnneeded:
			return Reject, noAuthorKey
		default:
			return Defer, authorKeyUnusable
		}
	default:
		return action, why
	}
}

// decideForRecipient is the table without the author's column.
func decideForRecipient(f facts) (Action, verdict) {
	switch f.mode {
	case config.Pass:
		return Pass, byMode
	case config.Sign:
		if f.message != clearText {
			return Pass, alreadyEncrypted
		}
		return SignOnly, byMode
	case config.Require, config.Prefer:
	default:
		return Defer, undecided
	}
	require := f.mode == config.Require
	switch {
	case f.message == toThem:
		return Pass, alreadyTheirs
	case f.message != clearText && require && f.key != keys.Unknown:
		return Reject, notTheirs
	case f.message != clearText && !require && !f.onceMore:
		return Pass, alreadyEncrypted
	case f.key == keys.Found:
		return Encrypt, keyFound
	case f.key == keys.None && require:
		return Reject, noKey
	case f.key != keys.None && require:
		return Defer, lookupFailed
	case f.message != clearText:
		return Pass, alreadyEncrypted
	case f.promised:
		return Defer, keyLost
	case f.key == keys.None:
		return SignOnly, noKey
	case f.expected:
		return Defer, lookupFailed
	default:
		return SignOnly, lookupFailed
	}
}

// ruling is what the policy says of a sender and a recipient.
type ruling struct {
	mode config.Mode
	// level is how far the recipient's certificate must be believed.
	level keys.Level
	// together refuses a message to all if it cannot be encrypted to all.
	together bool
	// firm keeps authors from asking for a less strict mode.
	firm bool
	// rule is the number of the rule that has the mode, from 1 on; 0 if none covers the mail.
	rule int
}

// rulingFor returns what the first rule that matches says. A level that cannot be read is the highest one.
func rulingFor(p config.Policy, from, to mail.Addr) ruling {
	for i, rule := range p.Rules {
		if !matches(rule.From, from) || !matches(rule.To, to) {
			continue
		}
		r := ruling{mode: rule.Mode, together: rule.Together || p.Together, firm: rule.Firm, rule: i + 1}
		if rule.MinLevel != "" {
			level, err := keys.ParseLevel(rule.MinLevel)
			if err != nil {
				level = keys.Fingerprint
			}
			r.level = level
		}
		return r
	}
	return ruling{mode: p.Mode, together: p.Together}
}

// asked is the ruling for a message whose author asks for a mode, "" for none. They get what is stricter in any case, and
// what is less strict only where they may. By an unknown mode nothing leaves, whatever is asked for.
func (r ruling) asked(mode config.Mode, less bool) ruling {
	switch {
	case mode == "" || strictness(r.mode) == unknownMode:
	case strictness(mode) > strictness(r.mode), less && !r.firm:
		r.mode = mode
	}
	return r
}

// believed is the answer as far as the ruling believes it: a certificate below its level counts as no key.
func (r ruling) believed(a keys.Answer) keys.Answer {
	if a.Status == keys.Found && a.Level < r.level {
		a.Status = keys.None
		a.Why = fmt.Sprintf("key %s from %s is believed only as %s, and the policy wants %s", a.Cert.Fingerprint(), a.Source, a.Level, r.level)
		a.Cert, a.Source = nil, ""
	}
	return a
}

func matches(patterns []mail.Pattern, addr mail.Addr) bool {
	for _, p := range patterns {
		if p.Match(addr) {
			return true
		}
	}
	return len(patterns) == 0
}

// stricter joins two rulings: the stricter mode, the higher level, and what only one of them wants. An unknown mode is the
// strictest of all: nothing leaves by it.
func stricter(a, b ruling) ruling {
	switch {
	case strictness(a.mode) < strictness(b.mode):
		a.mode, a.rule = b.mode, b.rule
	case strictness(a.mode) == strictness(b.mode) && a.rule == 0:
		a.rule = b.rule
	}
	a.level = max(a.level, b.level)
	a.together = a.together || b.together
	a.firm = a.firm || b.firm
	return a
}

// unknownMode is the strictness of what is no mode.
const unknownMode = 4

func strictness(m config.Mode) int {
	switch m {
	case config.Pass:
		return 0
	case config.Sign:
		return 1
	case config.Prefer:
		return 2
	case config.Require:
		return 3
	default:
		return unknownMode
	}
}
