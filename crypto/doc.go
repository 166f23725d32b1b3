// Package crypto signs and encrypts with OpenPGP (RFC 9580): keys and bytes in, bytes out. It does no network or
// file access and has neither clock nor randomness of its own.
//
// A [Cert] is a recipient's certificate, a [SecretKey] a sender's key, a [Signer] that key ready to sign, and a
// [Sealer] makes detached signatures and encrypted messages. Whether a key may be used is decided here, once, when
// it is parsed, and for a moment in time by [Cert.Check] and [SecretKey.Signer].
//
// Copies of a certificate from several sources are joined by [Cert.Merge], which loses no revocation and takes nothing
// that the owner has not signed; [SecretKey.Merge] brings the same to the owner's own copy. [Cert.For] reduces a
// certificate to an address, and [Cert.Explain] says what the policy makes of each of its keys.
//
// [Generate] makes a sender's key, [SecretKey.Extend] gives it a longer life, and [SecretKey.RevocationCertificate]
// makes what ends it. [Keys] and [ReadKeyring] read whatever keys a file holds, and [InspectMessage] says to whom a
// message is encrypted already.
//
// # Policy
//
// RSA below 2048 bits, DSA, Elgamal and secp256k1 are refused (RFC 9580, sections 12.4 to 12.6), and so are
// self-signatures by MD5 and RIPEMD-160 and those by SHA-1 made on or after 2023-02-01. RSA below 3072 bits and
// older SHA-1 self-signatures are accepted with a warning. A key without key flags encrypts and signs nothing. Messages
// are encrypted to every valid encryption subkey. A revocation because a key was superseded or is no longer used counts
// from its date on, any other at any time. Designated revokers are not followed.
//
// Messages are signed with SHA-256 or stronger, never compressed, and encrypted with AES in version 2 SEIPD packets
// if the certificates of all readers of a copy announce them and in version 1 packets otherwise.
package crypto
