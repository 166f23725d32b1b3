// Package sendmail holds the lines that put sealmilter into a sendmail: the fragments of sendmail.mc and submit.mc that the
// README tells an administrator to put there, embedded so that the program can show and run the very same ones.
package sendmail

import (
	_ "embed"
	"net"
	"strings"
)

//go:embed sealmilter.mc
var mc string

//go:embed submit.mc
var submitMC string

// The addresses as the files have them.
const (
	// Listen is where sendmail finds sealmilter.
	Listen = "127.0.0.1:8894"
	// Reinject is sendmail's listener for sealmilter's copies.
	Reinject = "127.0.0.1:10026"
	// Submit is sendmail's listener for the command sendmail(1).
	Submit = "127.0.0.1:10025"
)

// MC returns the fragment of sendmail.mc for other addresses, each "IPv4 address:port", than [Listen], [Reinject] and
// [Submit].
func MC(listen, reinject, submit string) string {
	return strings.NewReplacer(
		socket(Listen), socket(listen), daemon(Reinject), daemon(reinject), daemon(Submit), daemon(submit),
	).Replace(mc)
}

// SubmitMC returns the fragment of submit.mc for another address than [Submit]. The host is that of submit.mc's feature
// msp.
func SubmitMC(submit string) string {
	return strings.ReplaceAll(submitMC, client(Submit), client(submit))
}

// socket is how a filter's address is written.
func socket(addr string) string {
	host, port := split(addr)
	return "inet:" + port + "@" + host
}

// daemon is how a listener's address is written.
func daemon(addr string) string {
	host, port := split(addr)
	return "Port=" + port + ", Addr=" + host
}

// client is how the arguments of a mailer write a port.
func client(addr string) string {
	_, port := split(addr)
	return "TCP $h " + port
}

// split returns an address as host and port. What is no address comes back as it is, for sendmail to complain about.
func split(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, ""
	}
	return host, port
}
