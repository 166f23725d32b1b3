// Package web serves HTTP on the daemon's own listeners: for administrators, and for those who want the senders'
// certificates.
package web
