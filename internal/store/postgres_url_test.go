package store_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/store"
)

const secret = "Xq7Zsecret"

// A URL that cannot be read, or that the driver would read in another way than its author meant, is refused, and
// nothing of its password is told.
func TestPostgresURL(t *testing.T) {
	for _, tc := range []struct{ database, name, want string }{
		{"postgres://u:" + secret + "@127.0.0.1:5433/keys", "postgres://u@127.0.0.1:5433/keys", ""},
		{"postgresql://u:" + secret + "%40%2F%3F@localhost/keys?sslmode=disable", "postgres://u@localhost/keys", ""},
		{"postgres://u@h1:5433,h2:5434/keys?sslmode=require", "postgres://u@h1:5433,h2:5434/keys", ""},
		{"postgres://u@[::1]:5433/keys", "postgres://u@[::1]:5433/keys", ""},
		{"postgres:///keys?host=/run/postgresql&user=u&password=" + secret, "postgres:///keys", ""},
		{"postgres://u@h/keys?sslrootcert=/nonexistent/" + "ca.pem&password=" + secret, "postgres://u@h/keys", "/nonexistent/ca.pem"},
		{"postgres://u:" + secret + "/x@h/keys", "", "percent-encode"},
		{"postgres://u:12/" + secret + "@h/keys", "", "percent-encode"},
		{"postgres://u:12?" + secret + "@h/keys", "", "percent-encode"},
		{"postgres://u:12#" + secret + "@h/keys", "", "percent-encode"},
		{"postgres://u:12@" + secret + "@h/keys", "", "percent-encode"},
		{"postgres://u:%zz" + secret + "@h/keys", "postgres://u@h/keys", "percent-encode"},
		{"postgres://u:" + secret + "@h:port/keys", "postgres://u@h:port/keys", "percent-encode"},
		{"postgres://u:" + secret + "@h/keys?sslmode=" + secret, "postgres://u@h/keys", "options"},
		{"postgres://u:" + secret + "@h/keys?default_query_exec_mode=" + secret, "postgres://u@h/keys", "options"},
	} {
		name, err := store.ParsePostgres(tc.database)
		if tc.name == "" {
			tc.name = "postgres://..."
		}
		if name != tc.name {
			t.Errorf("%s is called %s, want %s", tc.database, name, tc.name)
		}
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.database, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: the error is %v, want %q", tc.database, err, tc.want)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("%s: the error tells the password: %v", tc.database, err)
		}
	}
}

func FuzzPostgresURL(f *testing.F) {
	for _, password := range []string{secret, "12/" + secret, "12?" + secret, "#" + secret, "@" + secret, "%" + secret, secret + "@"} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if len(password) < 6 || strings.Contains("postgres://user@127.0.0.1/keys", password) {
			return
		}
		for _, database := range []string{
			"postgres://user:" + password + "@127.0.0.1/keys",
			(&url.URL{Scheme: "postgres", User: url.UserPassword("user", password), Host: "127.0.0.1", Path: "keys"}).String(),
			"postgres://user@127.0.0.1/keys?password=" + url.QueryEscape(password),
		} {
			name, err := store.ParsePostgres(database)
			if strings.Contains(name, password) || err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("%q: %s, %v", database, name, err)
			}
		}
	})
}

// What an administrator reads when the database cannot be opened.
func TestOpenPostgresRefuses(t *testing.T) {
	server := postgres.Server(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	change := func(part func(u *url.URL)) func(*testing.T, string) string {
		return func(t *testing.T, database string) string {
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			part(u)
			return u.String()
		}
	}
	prepare := func(statement string) func(*testing.T, string) string {
		return func(t *testing.T, database string) string {
			sql(t, server, database, statement)
			return database
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, database string) (instead string)
		want    string
	}{
		{"nobody listens", change(func(u *url.URL) { u.Host = nobody.Addr().String() }), "check that the database server runs"},
		{"no socket", change(func(u *url.URL) { u.Host, u.RawQuery = "", "host=/nonexistent" }), "check that the database server runs"},
		{"wrong password", change(func(u *url.URL) { u.User = url.UserPassword("sealmilter", secret) }), "check user and password"},
		{"unknown role", change(func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }), "check user and password"},
		{"unknown database", change(func(u *url.URL) { u.Path = "missing" }), "createdb"},
		{"no TLS", change(func(u *url.URL) { u.RawQuery = "sslmode=verify-full" }), "sslmode"},
		{"another's database", prepare(`ALTER DATABASE DB OWNER TO postgres`), "must own the database"},
		{"no schema", prepare(`DROP SCHEMA public`), "CREATE SCHEMA"},
		{"read-only", prepare(`ALTER DATABASE DB SET default_transaction_read_only = on`), "name the primary"},
		{"too many connections", prepare(`ALTER DATABASE DB CONNECTION LIMIT 0`), "max_connections"},
		{"another encoding", func(t *testing.T, database string) string {
			sql(t, server, database, `CREATE DATABASE latin OWNER sealmilter TEMPLATE template0 ENCODING 'LATIN1'`)
			return change(func(u *url.URL) { u.Path = "latin" })(t, database)
		}, "UTF8 but LATIN1; create the database"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			database := tc.prepare(t, labtest.NewDatabase(t, server))
			s, err := store.Open(t.Context(), database)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			name, _ := store.ParsePostgres(database)
			if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "open database "+name+": ") {
				t.Errorf("error %q does not say %q and %s", err, tc.want, name)
			}
			u, _ := url.Parse(database)
			if password, _ := u.User.Password(); password != "" && strings.Contains(err.Error(), password) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// Without a word about encryption in the URL, a server elsewhere has to prove who it is.
func TestServersElsewhereProveWhoTheyAre(t *testing.T) {
	for database, want := range map[string]bool{
		"postgres://u@127.0.0.1/keys":                     false,
		"postgres://u@localhost/keys":                     false,
		"postgres://u@[::1]/keys":                         false,
		"postgres:///keys?host=/run/postgresql&user=u":    false,
		"postgres://u@db.example/keys":                    true,
		"postgres://u@192.0.2.1/keys":                     true,
		"postgres://u@localhost,db.example/keys":          true,
		"postgres://u@db.example/keys?connect_timeout=3":  true,
		"postgres:///keys?host=db.example&user=u":         true,
		"postgres://u@db.example/keys?sslmode=disable":    false,
		"postgres://u@db.example/keys?sslmode=require":    false,
		"postgres://u@127.0.0.1/keys?sslmode=verify-full": true,
	} {
		if got, err := store.Proved(database); got != want || err != nil {
			t.Errorf("%s: %t, %v", database, got, err)
		}
	}
	t.Setenv("PGSSLMODE", "disable")
	if got, err := store.Proved("postgres://u@db.example/keys"); got || err != nil {
		t.Errorf("PGSSLMODE is not heard: %t, %v", got, err)
	}
}
