// Package milter is the wire between an MTA and the program: it speaks the milter protocol, version 6, with Postfix
// and sendmail, gathers each message, asks a [Handler] about it once, and tells the MTA what to change.
//
// The protocol's parsing and dispatch are github.com/emersion/go-milter's. Around it stand what that library leaves
// out: a net.Conn that shows every frame to the session first (negotiation, ESMTP arguments, macros of each stage,
// QUIT_NC, UNKNOWN) and keeps from the library what needs no dispatch (macros, header, body), deadlines, contexts, progress
// packets, limits, and the one place that makes modifications.
//
// Mail is never half taken: whatever goes wrong on the way is answered with 4xx or 5xx, or with a closed connection,
// which Postfix and sendmail take as a temporary failure when they are set up as deploy/ shows.
package milter
