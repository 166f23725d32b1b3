// Package premises opens what a configuration names on this host: the state directory with its database and the keys in it,
// the sources of certificates, and the archive's certificate. Every command that works on an installation begins here, and
// the daemon, too. It knows besides whom the state directory has to belong to, and where systemd has the service.
package premises
