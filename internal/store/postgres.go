package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// lockKeys is the advisory lock of PostgreSQL (section 13.3.5 of its manual) for changes of keys. It belongs to a database,
// so that installations in two schemas of one database wait for each other, too. Mail that is being sent takes no lock and
// does not wait for an import of keys.
const lockKeys int64 = 0x7365_616c_6d69_6c01

// ledgerConnections bounds the connections that write down which copies were sent.
const ledgerConnections = 4

// noLock is for transactions that others may run beside.
const noLock int64 = 0

const (
	// dialWait bounds one attempt to connect to one host.
	dialWait = 5 * time.Second
	// migrationSilence is the silence that a migration may need, which may go over every row.
	migrationSilence = 10 * time.Minute
	// connIdle and connLife bound how long a connection is kept, so that all follow a change of the server's address.
	connIdle = 5 * time.Minute
	connLife = 30 * time.Minute
)

// postgresWaits is for how long nothing may happen.
type postgresWaits struct {
	// lock is how long a transaction waits while another process writes.
	lock time.Duration
	// silence is how long the server may say nothing while something is asked of it. The wait for a lock is in it.
	silence time.Duration
	// abandoned is how long a transaction may be left alone. The server then ends it and frees its lock: otherwise a host
	// that lost its power would keep all others from writing until the server misses it.
	abandoned time.Duration
}

func defaultWaits() postgresWaits {
	return postgresWaits{lock: lockWait, silence: lockWait + 5*time.Second, abandoned: 30 * time.Second}
}

// openPostgres opens a PostgreSQL database. Nothing depends on what a session keeps from one transaction to the next,
// so that a pooler such as PgBouncer may stand in between, in whatever mode.
func openPostgres(ctx context.Context, database string, as setup) (*Store, error) {
	config, err := parsePostgres(database)
	if err != nil {
		return nil, err
	}
	if as.application != "" {
		config.RuntimeParams["application_name"] = as.application
	}
	steps, err := migrationSteps(as.migrations)
	if err != nil {
		return nil, err
	}
	host, read := &hostClaims{}, connectPostgres(config, maxReaders, as.waits.silence)
	if as.state != "" {
		host.path = filepath.Join(as.state, "sealmilter.db-claims")
	}
	// While the database is copied, its tables are locked, and who would wait for that is told so.
	if err = notCopied(ctx, read); err == nil {
		err = as.admits(ctx, host, read)
	}
	if err == nil {
		err = as.upgrade.allows(ctx, read, postgresVersioned, len(steps))
	}
	if err == nil && as.upgrade != looks {
		err = migratePostgres(ctx, config, as)
	}
	if err != nil {
		return nil, errors.Join(err, host.close(), read.Close())
	}
	ledger := &postgresLedger{read: read, writer: newPostgresWriter(config, noLock, as.waits)}
	s := &Store{
		read:   read,
		keys:   newPostgresWriter(config, lockKeys, as.waits),
		ledger: ledger,
		host:   host,
		shared: &sharedClaims{ledger: ledger, host: host, present: presence{read: read}},
	}
	if as.upgrade == looks {
		s.keys.options, ledger.writer.options = readOnly, readOnly
	}
	s.point = s.read
	s.generation = queriedGeneration{read}
	return s, nil
}

// migratePostgres brings the schema up to date.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig, as setup) error {
	patient := as.waits
	patient.silence = migrationSilence
	once := newPostgresWriter(config, lockKeys, patient)
	once.wait = as.waits.silence
	err := migrate(ctx, once, as, postgresSchema)
	return errors.Join(err, once.close())
}

// connectPostgres prepares a pool of connections; the first query opens the first of them.
func connectPostgres(config *pgx.ConnConfig, connections int, silence time.Duration) *sql.DB {
	config = config.Copy()
	dialer := &net.Dialer{Timeout: dialWait}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatientConn{Conn: conn, silence: silence}, nil
	}
	db := stdlib.OpenDB(*config, stdlib.OptionResetSession(checkConn))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(connIdle)
	db.SetConnMaxLifetime(connLife)
	return db
}

// newPostgresWriter returns a writer whose transactions hold an advisory lock, unless that is noLock.
func newPostgresWriter(config *pgx.ConnConfig, lock int64, waits postgresWaits) writer {
	connections := 1
	if lock == noLock {
		connections = ledgerConnections
	}
	return writer{
		db: connectPostgres(config, connections, waits.silence),
		// Each statement sees what was committed before it began. Where a whole transaction sees one moment, that moment
		// is before the lock was given, whatever the default of the server or the role.
		options: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		lock: func(ctx context.Context, tx *sql.Tx) error {
			// Settings that end with the transaction, and the lock, in one round trip. A commit that returned survives a power
			// failure; what an administrator demands beyond that, such as a standby's word, stays.
			_, err := tx.ExecContext(ctx, `
				SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
						WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, TRUE),
					set_config('idle_in_transaction_session_timeout', $1, TRUE),
					set_config('lock_timeout', $2, TRUE),
					CASE WHEN $3::bigint <> 0 THEN pg_advisory_xact_lock($3) END`,
				milliseconds(waits.abandoned), milliseconds(waits.lock), lock)
			return err
		},
		wait: waits.silence,
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

var (
	textType = regexp.MustCompile(`\bTEXT\b`)
	blobType = regexp.MustCompile(`\bBLOB\b`)
)

// postgresSchema translates a migration. Text is ordered by its octets, as SQLite does it; and an index keeps its order
// when the system's C library learns a new one for a language.
func postgresSchema(migration string) string {
	return blobType.ReplaceAllString(textType.ReplaceAllString(migration, `TEXT COLLATE "C"`), `BYTEA`)
}

// errEncoding refuses a database that cannot hold every address.
var errEncoding = errors.New("the encoding of the database is not UTF8")

// checkServer accepts a server that takes writes and every address. A standby would not know what the others did last.
func checkServer(ctx context.Context, conn *pgconn.PgConn) error {
	if encoding := conn.ParameterStatus("server_encoding"); encoding != "UTF8" {
		return fmt.Errorf("%w but %s", errEncoding, encoding)
	}
	return pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn)
}
