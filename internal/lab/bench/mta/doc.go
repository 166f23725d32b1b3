// Package mta measures what a milter costs a real Postfix: messages per second, the processor time of Postfix and of the
// milter per message, and how long a client waits for the answer to its message. It compares no milter at all, one that
// does nothing, and sealmilter, over a Unix socket and over TCP, each with a Postfix of its own.
//
// Figures of different variants are comparable only within a round, in which all of them do the same, one after the
// other: the speed of a machine changes from minute to minute.
package mta
