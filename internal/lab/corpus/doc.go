// Package corpus runs folders of other people's mail and certificates through sealmilter's own code and judges what comes
// out by other programs' eyes. "make corpus CORPUS=DIR" does it for any folder.
//
// # Messages
//
// Every message is composed with LF and with CRLF line ends: signed, encrypted to a recipient whom all see, and encrypted to
// one in Bcc. gpg verifies and decrypts each copy. What it gives out is read by a reader that shares no code with the
// composer, and so is the original: both must have the same leaves with the same octets, and the same header. The octets
// that travel are held to RFC 3156, and those outside an encrypted copy are searched for all that should have been hidden.
//
// A message ends as verified, or as refused with the reason for the sender. Anything else is a failure.
//
// # Certificates
//
// Every file of keys is imported into a database of its own by a process of its own, which has limits of time and
// memory, and all addresses in it are looked up. What can be encrypted to is encrypted to. A certificate that gpg calls
// revoked or expired must not be among the answers.
package corpus
