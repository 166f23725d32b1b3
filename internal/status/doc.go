// Package status is the status page: who can be written to encrypted and why, the certificates and their conflicts, the
// senders' keys, the last decisions, and how the daemon is. It is made on the server, works without JavaScript, and takes
// nothing from elsewhere.
//
// Addresses are private data, so the page is for who knows a token, or can open the Unix socket on which it is served. A
// browser that shows other sites at the same time must not be made use of by them: the Host header has to be an IP address
// or a name of this host, cookies are SameSite=Strict, changes need a token of the session and come from the page itself,
// and no other page may frame it.
package status
