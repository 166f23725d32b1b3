package premises

import (
	"fmt"
	"net/url"

	"sealmilter/internal/config"
	"sealmilter/internal/shell"
	"sealmilter/internal/store"
)

// BackUp is the command that copies a database as it is.
func BackUp(c *config.Config, schema int) string {
	if store.IsPostgres(c.Database) {
		return fmt.Sprintf("pg_dump --format=custom --file=sealmilter-schema%d.dump %s", schema, shell.Quote(withoutPassword(c.Database)))
	}
	return fmt.Sprintf("sealmilter store backup sealmilter-schema%d.db", schema)
}

// withoutPassword returns the URL of a database without its password, which whoever types a command is asked for.
func withoutPassword(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return "DATABASE"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	if query.Has("password") {
		query.Del("password")
		u.RawQuery = query.Encode()
	}
	return u.String()
}
