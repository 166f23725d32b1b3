// Package mail has the nouns that the other packages share: addresses, the envelope, a message as raw fields and
// a body, the edit that turns it into one recipient's copy, and the only error that becomes an SMTP reply.
//
// It knows neither the milter protocol nor OpenPGP. Lines end in CRLF everywhere above the wire.
package mail
