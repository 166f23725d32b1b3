package main

import (
	"slices"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
)

// explanation is what explain has found out.
type explanation struct {
	config  *config.Config
	message *mail.Message
	plan    *gate.Plan // nil with a failure
	copies  []gate.Foreseen
	// failure is the refusal of the whole message, nil if there is none.
	failure *mail.Failure
	// tokens is what the log hides addresses with, nil if it does not.
	tokens *event.Hider
}

// explainedLine is the decision for one recipient.
type explainedLine struct {
	To     string `json:"to"`
	Action string `json:"action"` // encrypt, sign, pass, reject or defer
	Mode   string `json:"mode,omitempty"`
	// Rule is the number of the [[policy.rule]] that applies, 0 if none does, and RuleSays what it says.
	Rule        int      `json:"rule,omitempty"`
	RuleSays    string   `json:"rule_says,omitempty"`
	settings    []string // of the rule
	Why         string   `json:"why"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Source      string   `json:"source,omitempty"`
	Level       string   `json:"level,omitempty"`
	Origin      string   `json:"origin,omitempty"`
	User        string   `json:"user,omitempty"`
	Author      string   `json:"author,omitempty"`
	Asked       string   `json:"asked,omitempty"` // the mode that the message asks for
	Signer      string   `json:"signer,omitempty"`
	SignerKey   string   `json:"signer_key,omitempty"`
	// Message is what becomes of the whole message, if that is another thing: nobody gets it, because of one recipient.
	Message    string       `json:"message,omitempty"` // reject or defer
	MessageWhy string       `json:"message_why,omitempty"`
	Trace      []lookupStep `json:"trace,omitempty"`
	// Header has the fields that others see of the copy, unfolded; none if there is no copy, or it is not composed here.
	Header []string `json:"header,omitempty"`
	// Token is what stands for the recipient in the log, "" for the address.
	Token string `json:"token,omitempty"`
}

// explained turns an explanation into lines, one for each recipient.
func explained(e explanation) []explainedLine {
	var lines []explainedLine
	if e.failure != nil {
		for _, to := range e.message.Envelope.Recipients {
			lines = append(lines, explainedLine{To: to.Addr.String(), Action: actionOf(e.failure).String(), Why: e.failure.Text,
				User: e.message.Envelope.User, Token: e.token(to)})
		}
		return lines
	}
	for _, d := range e.plan.Decisions {
		line := explainedLine{To: d.To.Addr.String(), Action: d.Do.String(), Mode: string(d.Mode), Why: d.Why, Source: d.Source,
			Origin: e.plan.Origin.String(), User: e.message.Envelope.User, Author: e.plan.Author.String(), Asked: string(e.plan.Asked),
			Rule: d.Rule, Trace: traceLines(d.Trace()), Token: e.token(d.To)}
		if d.Rule > 0 {
			rule := e.config.Policy.Rules[d.Rule-1]
			line.RuleSays, line.settings = rule.String(), rule.Settings()
		}
		if d.Do == gate.Encrypt || d.Do == gate.SignOnly {
			line.Signer, line.SignerKey = e.plan.Signer.String(), e.plan.SignerFingerprint()
		}
		if d.Cert != nil {
			line.Fingerprint, line.Level = d.Cert.Fingerprint(), d.Level.String()
		}
		if e.plan.Refusal != nil {
			line.Message, line.MessageWhy = actionOf(e.plan.Refusal).String(), e.plan.Refusal.Text
		}
		if at := slices.IndexFunc(e.copies, func(c gate.Foreseen) bool { return c.To.Raw == d.To.Raw }); at >= 0 {
			for _, f := range e.copies[at].Header {
				line.Header = append(line.Header, f.Name+": "+f.Text())
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func (e explanation) token(to mail.Recipient) string {
	if e.tokens == nil {
		return ""
	}
	return e.tokens.Person(to.Addr.String())
}

func actionOf(failure *mail.Failure) gate.Action {
	if failure.Temporary() {
		return gate.Defer
	}
	return gate.Reject
}
