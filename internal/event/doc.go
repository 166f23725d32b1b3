// Package event has everything that the daemon logs: each line is an event of a [Kind] that has a name scripts can rely
// on, a level, a sentence for people, and a fixed set of attributes. docs/events.md lists them.
//
// No attribute has anything of a message but its envelope, its queue ID and its Message-ID. Addresses, logins and
// fingerprints are attributes of types of their own, so that a [Hider] can put tokens in their place.
package event
