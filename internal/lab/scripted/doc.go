// Package scripted is an MTA's double: it takes mail by SMTP, shows it to a milter over the milter protocol, does what
// the milter says, and hands the copies to the next hop. The end-to-end cases run on it without Postfix and sendmail, in
// the manner of either ([Style]).
//
// It knows the protocol from its description alone (sendmail's include/libmilter/mfdef.h and libmilter/docs, Postfix's
// MILTER_README) and shares no code with the milter, so that a mistake in one of the two readings shows. Where an MTA is
// kind to a milter and mends, ignores or guesses, the double objects: a packet that nobody waits for, a change before the
// end of message, a change between two pieces of the body, an action that was not agreed on, a recipient or field that
// does not exist, a single "%" in a reply. The message is then answered with 451, and [MTA.WaitEmpty] tells.
//
// [Conn] is the wire alone, for scripts that do what no MTA would.
package scripted
