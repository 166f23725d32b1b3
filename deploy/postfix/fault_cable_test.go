package postfix_test

import (
	"testing"

	"sealmilter/internal/lab/labtest"
)

// notNow is how the client is told of a listener that cannot be used.
const notNow = "The mail server does not take the copies of this message at the moment. Please try again later."

// listenerFaults are those of the loopback listener, which gets the copies of the hidden and the keyless recipient.
var listenerFaults = []fault{
	{
		name:  "listener down",
		set:   func(_ *testing.T, s *sufferer) { s.cable.Down() },
		lift:  func(t *testing.T, s *sufferer) { s.cable.Up(t) },
		reply: "451 4.4.1 " + notNow,
		log:   "connection refused; check that the mail server runs and has this listener (sealmilter setup makes it)",
	},
	{
		name:  "listener down in mid-message",
		set:   func(_ *testing.T, s *sufferer) { s.cable.Down() },
		lift:  func(t *testing.T, s *sufferer) { s.cable.Up(t) },
		mid:   true,
		reply: "451 4.4.1 " + notNow,
		log:   "connection refused; check that the mail server runs and has this listener (sealmilter setup makes it)",
	},
	{
		name:  "listener busy",
		set:   breaks(labtest.Break{At: labtest.AtGreeting, Say: "421 4.3.2 Too busy"}),
		lift:  mend,
		reply: "451 4.3.2 " + notNow,
		log:   "does not take the connection",
	},
	{
		name:  "listener hangs up at once",
		set:   breaks(labtest.Break{At: labtest.AtGreeting}),
		lift:  mend,
		reply: "451 4.3.2 " + notNow,
		log:   "does not take the connection",
	},
	{
		name:  "first copy refused for now",
		set:   breaks(labtest.Break{Copy: 1, At: labtest.AtRecipient, Say: "450 4.2.1 Not now"}),
		reply: "450 4.2.1 The mail server does not take a copy: Not now",
		log:   "Not now",
	},
	{
		name:  "second copy refused for now",
		set:   breaks(labtest.Break{Copy: 2, At: labtest.AtRecipient, Say: "450 4.2.1 Not now"}),
		reply: "450 4.2.1 The mail server does not take a copy: Not now",
		log:   "Not now",
		left:  half,
	},
	{
		name:  "first copy refused",
		set:   breaks(labtest.Break{Copy: 1, At: labtest.AtRecipient, Say: "550 5.2.1 Never"}),
		reply: "550 5.2.1 The mail server does not take a copy: Never",
		log:   "Never",
	},
	{
		name:  "second copy refused for now at its end",
		set:   breaks(labtest.Break{Copy: 2, At: labtest.AtDot, Say: "451 4.3.1 No room"}),
		reply: "451 4.3.1 The mail server does not take a copy: No room",
		log:   "451 4.3.1 (the mail server",
		left:  half,
	},
	{
		name:  "connection lost at DATA",
		set:   breaks(labtest.Break{Copy: 1, At: labtest.AtText}),
		reply: "451 4.4.2 " + notNow,
		log:   "the connection to the loopback listener broke",
	},
	{
		// Nothing of the second copy has been said, so it goes over another connection.
		name: "connection lost between two copies",
		set:  breaks(labtest.Break{Copy: 2, At: labtest.AtRecipient}),
	},
	{
		name:  "connection lost before the end of a copy",
		set:   breaks(labtest.Break{Copy: 2, At: labtest.AtDot}),
		reply: "451 4.4.2 " + notNow,
		left:  half,
		log:   "the connection to the loopback listener broke",
	},
	{
		// Nobody can know that the MTA has said yes: this copy comes twice.
		name:  "connection lost after the end of a copy",
		set:   breaks(labtest.Break{Copy: 2, At: labtest.AfterDot}),
		reply: "451 4.4.2 " + notNow,
		left:  []string{half[0], keyless + ": signed"},
		log:   "the connection to the loopback listener broke",
		again: []string{half[0], rest[0], keyless + ": signed, signed"},
	},
	{
		name: "listener silent",
		set: func(t *testing.T, s *sufferer) {
			s.cable.Break(labtest.Break{Copy: 1, At: labtest.AtText, Hang: true})
			s.meanwhile(func() {
				s.cable.WaitReached(s.ctx, t)
				s.cable.Mend()
			})
		},
		reply: "451 4.4.2 " + notNow,
		log:   "the connection to the loopback listener broke",
	},
}

func breaks(b labtest.Break) func(*testing.T, *sufferer) {
	return func(_ *testing.T, s *sufferer) { s.cable.Break(b) }
}

func mend(_ *testing.T, s *sufferer) { s.cable.Mend() }
