// Package postfix holds the lines that put sealmilter into a Postfix: the fragments of main.cf and master.cf that the
// README tells an administrator to append, embedded so that the program can show and run the very same ones.
package postfix

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
	// Reinject is Postfix's listener for sealmilter's copies.
	Reinject = "127.0.0.1:10026"
)

// MainCF returns the fragment of main.cf for a sealmilter at another address than [Listen].
func MainCF(listen string) string {
	return strings.ReplaceAll(mainCF, Listen, listen)
}

// MasterCF returns the fragment of master.cf for other addresses than [Listen] and [Reinject].
func MasterCF(listen, reinject string) string {
	return strings.NewReplacer(Listen, listen, Reinject, reinject).Replace(masterCF)
}
