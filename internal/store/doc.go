// Package store keeps what must survive a restart: certificates, which addresses they serve, whose secret key is
// which, and the record of copies already sent. It knows strings, times and blobs; what they mean is the business
// of its callers.
//
// The store is one SQLite file (https://www.sqlite.org/wal.html) that the daemon and the command line open at the
// same time, or a PostgreSQL database that several hosts share. All SQL is the same for both; where they differ, and
// what each promises when it locks, fails and comes back, is in sqlite.go and postgres.go.
package store
