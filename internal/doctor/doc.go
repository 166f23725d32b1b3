// Package doctor examines an installation: the configuration, the files and the database, the senders' keys, the host, the
// sources of certificates, the mail server's settings and the daemon that runs. It says of each whether it is well, what it
// means if it is not, and what to type. It changes nothing. docs/check.md explains each of its lines.
package doctor
