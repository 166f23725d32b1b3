package store

import (
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sqlStates has advice for error codes of PostgreSQL (appendix A of its manual).
var sqlStates = map[string]string{
	"25006": adviceStandby,
	"25P03": "the transaction was left alone for too long; check the load of this host",
	"28000": adviceLogin,
	"28P01": adviceLogin,
	"3D000": "create the database: createdb -O ROLE -E UTF8 -T template0 NAME",
	"3F000": "create a schema that the role owns: CREATE SCHEMA AUTHORIZATION ROLE",
	"42501": "the role of the URL must own the database or the schema, and the tables in it",
	"53100": "check the disk of the database server and its free space",
	"53200": "the database server is short of memory",
	"53300": "each sealmilter process opens up to 10 connections; raise max_connections or the limit of the role",
	"55P03": adviceBusy,
	"57P01": adviceWait,
	"57P02": adviceWait,
	"57P03": adviceWait,
	"57P05": adviceWait,
	"58030": "check the disk of the database server",
	"XX001": "the database is damaged; restore it from a backup",
	"XX002": "the database is damaged; restore it from a backup",
}

const (
	adviceBusy    = "another process has been writing for too long"
	adviceLogin   = "check user and password, in the URL or the file it names, and the lines of pg_hba.conf on the server"
	adviceReach   = "check that the database server runs, and its host and port in the URL"
	adviceSilent  = "check the database server and the network to it; sealmilter goes on when it answers again"
	adviceStandby = "this server is a standby or read-only; name the primary, or all servers: postgres://USER@HOST1,HOST2/DATABASE"
	adviceTLS     = "name the authority of the server's certificate with sslrootcert in the URL, and the host as the certificate does"
	adviceWait    = "the database server is being started or stopped; sealmilter goes on when it is back"
)

// advicePostgres returns what an administrator can do about an error of PostgreSQL or of the way to it, "" if that is
// not known.
func advicePostgres(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return sqlStates[e.Code]
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, dns := errors.AsType[*net.DNSError](err)
	operation, network := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return adviceStandby
	case errors.Is(err, errEncoding):
		return "create the database with the encoding UTF8: createdb -O ROLE -E UTF8 -T template0 NAME"
	case certificate:
		return adviceTLS
	case strings.Contains(err.Error(), "server refused TLS connection"): // the driver has no name for it
		return "switch on ssl on the server; sslmode=disable in the URL does without, and lets the network read and change keys"
	case dns, network && operation.Op == "dial":
		return adviceReach
	case errors.Is(err, errBusy), errors.Is(err, errSilent), errors.Is(err, os.ErrDeadlineExceeded):
		return adviceSilent
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, driver.ErrBadConn), errors.Is(err, pgx.ErrTxClosed):
		return adviceWait
	default:
		return ""
	}
}
