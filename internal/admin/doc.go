// Package admin is what the daemon tells on its admin listener: its health, metrics for Prometheus, the program and the
// configuration in force, and the status page.
//
// Whoever has an account on the host can read all of it but the status page, so nothing of it has an address, or anything of
// a message or of the configuration's content.
package admin
