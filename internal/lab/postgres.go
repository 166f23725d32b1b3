package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
)

// postgresRole owns every database of [PostgreSQL.NewDatabase].
const postgresRole = "sealmilter"

// PostgreSQL is a private server on loopback that asks everybody for a password. It does not wait for the disk, so its
// data may be lost with the machine, but not with the process. Its methods are safe for concurrent use.
type PostgreSQL struct {
	// Addr is the server's address, "127.0.0.1:port". It stays the same from one Start to the next.
	Addr string

	programs postgresPrograms
	scratch
	admin    string // password of the superuser
	password string // of the ordinary role

	mu        sync.Mutex
	server    *Process // nil while stopped
	databases int
}

// StartPostgreSQL starts a server and returns when it accepts connections. It uses the machine's PostgreSQL if there
// is one, and Debian's package otherwise. The caller closes it. Progress gets a line for each step that may take long.
func StartPostgreSQL(ctx context.Context, progress io.Writer) (*PostgreSQL, error) {
	programs, err := findPostgreSQL(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	// A password that no URL holds as it stands.
	p := &PostgreSQL{programs: programs, admin: rand.Text(), password: "a/b?c#d:e@f%" + rand.Text()}
	return started("PostgreSQL", p, p.create(ctx))
}

// create makes the data folder and the ordinary role.
func (p *PostgreSQL) create(ctx context.Context) (err error) {
	if err := p.claim(&p.Addr); err != nil {
		return err
	}
	if err := p.programs.open(ctx, p.dir); err != nil {
		return err
	}
	for _, name := range []string{"data", "socket"} {
		path := p.path(name)
		if err := errors.Join(os.Mkdir(path, 0o700), p.programs.own(path)); err != nil {
			return err
		}
	}
	password := p.path("password")
	if err := errors.Join(os.WriteFile(password, []byte(p.admin+"\n"), 0o600), p.programs.own(password)); err != nil {
		return err
	}
	cmd := p.programs.server("initdb", "--pgdata="+p.path("data"), "--username=postgres", "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir = p.dir
	initdb, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	if err := initdb.Wait(ctx); err != nil {
		return errors.Join(fmt.Errorf("initdb: %w%s", err, quoteLog(initdb.Log())), initdb.Kill())
	}
	if err := p.Start(ctx); err != nil {
		return err
	}
	_, err = p.SQL(ctx, "postgres", "CREATE ROLE "+postgresRole+" LOGIN PASSWORD '"+p.password+"'")
	return err
}

// Start starts a server that was stopped, and returns when it accepts connections.
func (p *PostgreSQL) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return errors.New("start PostgreSQL: it runs already")
	}
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return err
	}
	args := []string{"-D", p.path("data")}
	for _, setting := range []string{
		"listen_addresses=" + host, "port=" + port, "unix_socket_directories=" + p.path("socket"),
		"fsync=off", "full_page_writes=off", "shared_buffers=16MB", "jit=off",
		"dynamic_shared_memory_type=mmap",  // /dev/shm is small in containers, and outlives a server that is killed
		"timezone=GMT", "log_timezone=GMT", // a minimal machine knows no other
		"log_line_prefix=%m [%p] %u@%d ",
	} {
		args = append(args, "-c", setting)
	}
	cmd := p.programs.server("postgres", args...)
	cmd.Dir = p.dir
	server, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	if err := server.WaitLog(ctx, "database system is ready to accept connections"); err != nil {
		return errors.Join(err, server.Kill())
	}
	p.server = server
	return nil
}

// Stop ends the server and all its connections. What was committed stays.
func (p *PostgreSQL) Stop(ctx context.Context) error {
	return p.end(ctx, syscall.SIGINT) // SIGTERM would wait until every client has gone
}

// Crash ends the server without a chance to write down what it has in memory. What was committed stays, unless by a
// session with synchronous_commit off.
func (p *PostgreSQL) Crash(ctx context.Context) error {
	return p.end(ctx, syscall.SIGQUIT) // after SIGKILL its processes might not be gone when it starts again
}

func (p *PostgreSQL) end(ctx context.Context, sig os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	server := p.server
	p.server = nil
	if err := server.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	select {
	case <-server.done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("end PostgreSQL: %w%s", ctx.Err(), quoteLog(server.Log())), server.Kill())
	}
}

// Log returns what the running server has logged since it was started, "" if it does not run.
func (p *PostgreSQL) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return ""
	}
	return p.server.Log()
}

// NewDatabase makes an empty database and returns its URL. The role in the URL owns it and has no other rights.
func (p *PostgreSQL) NewDatabase(ctx context.Context) (string, error) {
	name := p.newName()
	if _, err := p.SQL(ctx, "postgres", "CREATE DATABASE "+name+" OWNER "+postgresRole); err != nil {
		return "", err
	}
	return p.url(name).String(), nil
}

// NewSchema makes an empty schema in a database that others share, and returns its URL. It costs a tenth of a database, but
// programs in two schemas wait for each other's changes of keys.
func (p *PostgreSQL) NewSchema(ctx context.Context) (string, error) {
	name := p.newName()
	if _, err := p.SQL(ctx, "postgres", "CREATE SCHEMA "+name+" AUTHORIZATION "+postgresRole); err != nil {
		return "", err
	}
	schema := p.url("postgres")
	schema.RawQuery = url.Values{"search_path": {name}}.Encode()
	return schema.String(), nil
}

func (p *PostgreSQL) newName() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.databases++
	return fmt.Sprintf("keys%d", p.databases)
}

func (p *PostgreSQL) url(database string) *url.URL {
	return &url.URL{Scheme: "postgres", User: url.UserPassword(postgresRole, p.password), Host: p.Addr, Path: database}
}

// SQL runs a statement in a database as the superuser and returns the rows of its answer, one a line, the columns
// separated by "|".
func (p *PostgreSQL) SQL(ctx context.Context, database, statement string) (string, error) {
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return "", err
	}
	cmd := p.programs.command(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-h", host, "-p", port, "-U", "postgres", "-d", database, "-c", statement)
	cmd.Env = append(cmd.Env, "PGPASSWORD="+p.admin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w%s", err, quoteLog(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}

// Close ends the server and removes its data. It may be called again.
func (p *PostgreSQL) Close() error {
	ctx, cancel := untilKilled()
	defer cancel()
	ended := p.Stop(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(ended, p.release())
}
