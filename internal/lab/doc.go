// Package lab is a mail world on loopback: a private Postfix and a private sendmail from Debian's packages, the next
// hop that keeps what it gets, a password server, a mail client that follows a script, and the real gpg; places that
// serve keys: a Web Key Directory and a key server with certificates of an authority of their own, a DNS resolver that
// lies as it is told, a real one that validates, and a real LDAP server; a real DKIM signer and a filter that looks on;
// and a real PostgreSQL. Tests use it, and so does "sealmilter demo".
//
// What is started has a function that begins with Start, or New where there is nothing to wait for, and is ended with
// Close. The real servers among them can be ended and started again with Stop and Start, where tests need that.
//
// Nothing is installed and nothing of the machine's own mail system is touched: packages are unpacked in a cache
// folder, every instance lives in a temporary folder of its own, and whatever was started ends with the process
// that started it. Postfix and sendmail need root; so does the lab.
package lab
