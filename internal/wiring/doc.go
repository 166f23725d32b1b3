// Package wiring reads how the mail server of this host is wired to sealmilter, says what is wrong with that, and computes
// the changes that wire it. Reading and computing are functions over the text of configuration files and of what postconf(1)
// prints; [Journal] alone changes files, and undoes it.
package wiring
