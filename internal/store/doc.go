// Package store keeps what must survive a restart: certificates, which addresses they serve, whose secret key is
// which, and the record of copies already sent. It knows strings, times and blobs; what they mean is the business
// of its callers.
//
// The store is one SQLite file (https://www.sqlite.org/wal.html) that the daemon and the command line open at the
// same time. SQL stays within what PostgreSQL understands, too, wherever that costs nothing.
package store
