// Package presigned makes messages that were signed before sealmilter sees them, by the real gpg and the real openssl as a
// mail client would use them, and judges whether a signature is still good where its reader finds it.
package presigned
