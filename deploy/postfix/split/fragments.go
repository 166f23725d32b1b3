// Package split holds the lines that put sealmilter into a Postfix that splits messages by recipient before they are
// sealed: the fragments of main.cf and master.cf that the README tells an administrator to append.
package split

import (
	_ "embed"
	"strings"
)

//go:embed main.cf
var mainCF string

//go:embed master.cf
var masterCF string

// The addresses as the files have them.
const (
	// Listen is where Postfix finds sealmilter.
	Listen = "127.0.0.1:8894"
	// Reinject is Postfix's listener for sealmilter's notices.
	Reinject = "127.0.0.1:10026"
	// Inner is where Postfix hands each recipient's message to itself.
	Inner = "127.0.0.1:10027"
)

// innerNextHop is [Inner] as the next hop of a transport (transport(5)).
const innerNextHop = "[127.0.0.1]:10027"

// MainCF returns the fragment of main.cf for other addresses than [Listen] and [Inner].
func MainCF(listen, inner string) string {
	host, port, _ := strings.Cut(inner, ":")
	return strings.NewReplacer(Listen, listen, innerNextHop, "["+host+"]:"+port).Replace(mainCF)
}

// MasterCF returns the fragment of master.cf for other addresses than [Listen], [Reinject] and [Inner].
func MasterCF(listen, reinject, inner string) string {
	return strings.NewReplacer(Listen, listen, Reinject, reinject, Inner, inner).Replace(masterCF)
}
