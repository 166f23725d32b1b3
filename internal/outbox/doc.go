// Package outbox puts copies of a message into the MTA's queue, over SMTP to the MTA's loopback listener that has no
// milter, and keeps the ledger that makes a retry safe: a copy recorded as sent is not sent again for the same message.
//
// It also answers the MTA's question who is on that listener, so that nobody else can use it.
package outbox
