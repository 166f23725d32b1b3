// Package keys knows who has which OpenPGP key, and why we believe it.
//
// # Recipients
//
// A [Source] finds certificates for an address. [Local] is the one that an administrator fills. The others ask outside:
// [WKD] and [DANE] ask what the recipient's own domain publishes, [VKS] and [HKP] a key server, and [LDAP] a directory of
// the administrator's choice. What goes over HTTPS goes through a [Fetcher], which asks no private address that nobody
// has allowed, bounds what it reads, and leaves hosts alone that do not answer; what comes from DNS comes through a
// [Resolver].
//
// The [Directory] asks its sources in the order in which they are trusted and gives one [Answer] of three values: a
// certificate was found, there is none, or it is unknown, because a source that would have had a say did not answer.
// Silence is not "none": who can keep a source silent would turn encryption off. Most domains publish no keys, though.
// Where nothing looks like a key service, a source says [ErrNoService], which counts as "none", and so does a whole day
// of silence; but both only until the domain has once served or announced keys.
//
// What the sources say is kept in the store for as long as [Options] allows, and joined to what is known of the same
// certificate already: a revocation is never forgotten, whoever brought it. A certificate from outside is for an
// address only if a valid User ID of it says so; which other address it may be found under, [Mapping] says.
//
// # Trust
//
// The first certificate that is used for an address is pinned, with the [Level] at which its source is believed. As
// long as it is valid, another one takes its place only if it is believed further, if the old one has certified it, or
// if an administrator has chosen it by its fingerprint ([Directory.Pin]); when the old one has come to its end, an equal
// level is enough. What may not take the place is recorded as a [Conflict] for an administrator, and the pinned
// certificate stays in use. The [Refresher] asks about all pinned certificates from time to time, so that revocations
// and new expiries arrive though nobody writes. An [Observer] is told each [Event].
//
// # Senders
//
// [Senders] keeps the secret keys of those who send, in files or in the database ([SecretPlace]), locked with the
// configured [Passphrase]. Keys are imported, from a home of GnuPG ([GnuPG]) too, or made by [Senders.Generate]; each
// gets a revocation certificate when it comes. [Senders.Signer] unlocks a key and keeps it in memory until it changes in
// the store. [Senders.Expiring] says which keys come to their end, and [Senders.Extend] gives those that were made here a
// longer life. The certificates of senders are in the local source as well, so that they can write to each other.
//
// [Senders.Publish] writes the certificates as a tree for web servers and as records for a zone, so that others find
// them as this package finds theirs; [NewWKDHandler] serves the same without a web server of its own.
//
// # Processes
//
// Everything is safe for concurrent use, and several processes, on several hosts, may share a database: a change by one
// counts for the next answer of every other. Answers in memory and unlocked keys are bound to the generation of the store
// that they come from, and parsed certificates to the octets that are stored. The lookups of one decision may share a
// generation ([AtOneMoment]).
package keys
