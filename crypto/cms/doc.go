// Package cms reads the structure of S/MIME messages: who can open an encrypted one (RFC 5652, RFC 5083, RFC 8551). It
// decrypts nothing and verifies nothing.
package cms
