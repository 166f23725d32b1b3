// Package lab is a mail world on loopback: a private Postfix from Debian's packages, the next hop that keeps what it
// gets, a password server, a mail client that follows a script, the real gpg, a DNS resolver, and places that serve
// keys: a Web Key Directory and a key server with certificates of an authority of their own, and a real LDAP server.
// Tests use it, and so does "sealmilter demo".
//
// Nothing is installed and nothing of the machine's own mail system is touched: packages are unpacked in a cache
// folder, every instance lives in a temporary folder of its own, and whatever was started ends with the process
// that started it. Postfix needs root; so does the lab.
package lab
