package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// errURL stands for every error of a URL that cannot be read: the driver's own may quote what it took for a host and is
// a part of the password.
var errURL = errors.New("the URL cannot be read; write postgres://USER@HOST/DATABASE, percent-encode the special " +
	"characters of a password, and check the options behind the question mark")

// IsPostgres tells the URL of a PostgreSQL database from the path of an SQLite file.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// postgresURL is the parts of a URL by which people know a database, and its options.
type postgresURL struct {
	user, hosts, path string
	options           url.Values
}

// splitPostgres takes a URL apart. It refuses one in which a password's characters could be taken for something else.
func splitPostgres(database string) (u postgresURL, err error) {
	_, rest, _ := strings.Cut(database, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	if strings.Contains(database, "#") || strings.Contains(path, "@") || strings.Contains(query, "@") {
		return u, errURL
	}
	if slash {
		u.path = "/" + path
	}
	userinfo, hosts, found := strings.Cut(authority, "@")
	if !found {
		userinfo, hosts = "", authority
	}
	if strings.Contains(hosts, "@") {
		return u, errURL
	}
	u.user, _, _ = strings.Cut(userinfo, ":")
	u.hosts = hosts
	if u.options, err = url.ParseQuery(query); err != nil {
		return u, errURL
	}
	return u, nil
}

// postgresName returns a URL for people: without password and options.
func postgresName(database string) string {
	u, err := splitPostgres(database)
	switch {
	case err != nil:
		return "postgres://..."
	case u.user != "":
		return "postgres://" + u.user + "@" + u.hosts + u.path
	default:
		return "postgres://" + u.hosts + u.path
	}
}

// parsePostgres reads a URL, the files it names, and the variables of the environment that PostgreSQL's own programs
// know.
func parsePostgres(database string) (*pgx.ConnConfig, error) {
	u, err := splitPostgres(database)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(database)
	if err == nil && !local(config) && !u.options.Has("sslmode") && !u.options.Has("ssl") && os.Getenv("PGSSLMODE") == "" {
		// The driver would talk to whoever answers, and without encryption if they like that better. Who sits between
		// the hosts could then give out keys of their own.
		separator := "?"
		if strings.Contains(database, separator) {
			separator = "&"
		}
		config, err = pgx.ParseConfig(database + separator + "sslmode=verify-full")
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("a file that its URL names: %w", file)
	}
	if err != nil {
		return nil, errURL
	}
	if !u.options.Has("default_query_exec_mode") {
		// The modes with prepared statements save the server some work, but fail behind a pooler that does not know them.
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = dialWait
	}
	config.RuntimeParams["application_name"] = nameOfOurs(config.RuntimeParams["application_name"])
	config.ValidateConnect = checkServer
	return config, nil
}

// ourName is the name under which a PostgreSQL server shows connections of ours, or begins it, and copyName that of a copy.
const (
	ourName  = "sealmilter"
	copyName = "sealmilter store"
)

// nameOfOurs returns the name for connections to which a URL, or the environment, gives one or none. Whoever copies a database
// looks for them by their beginning; see notConnected.
func nameOfOurs(given string) string {
	if given == "" || given == ourName {
		return ourName
	}
	return ourName + ": " + given
}

// local reports whether all of a database's hosts are this machine.
func local(config *pgx.ConnConfig) bool {
	hosts := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host)
		if !strings.HasPrefix(host, "/") && host != "localhost" && (err != nil || !addr.IsLoopback()) {
			return false
		}
	}
	return true
}
