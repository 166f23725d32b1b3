// Package keys knows who has which OpenPGP key, and why we believe it.
//
// A [Source] finds certificates for an address. The [Directory] asks its sources in the order in which they are
// trusted and gives one [Answer] of three values: a certificate was found, there is none, or it is unknown, because
// a source that would have had a say did not answer. [Local] is the source that an administrator fills, and
// [Senders] keeps the secret keys of those who send.
package keys
