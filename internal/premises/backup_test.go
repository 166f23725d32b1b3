package premises

import (
	"testing"

	"sealmilter/internal/config"
)

func TestBackUp(t *testing.T) {
	for database, want := range map[string]string{
		"":                    "sealmilter store backup sealmilter-schema5.db",
		"postgres://a@db/x":   "pg_dump --format=custom --file=sealmilter-schema5.dump postgres://a@db/x",
		"postgres://a:b@db/x": "pg_dump --format=custom --file=sealmilter-schema5.dump postgres://a@db/x",
		"postgres://a@db/x?passfile=/y&sslmode=verify-full": "pg_dump --format=custom --file=sealmilter-schema5.dump 'postgres://a@db/x?passfile=/y&sslmode=verify-full'",
		"postgres://a@db/x?password=b&sslmode=verify-full":  "pg_dump --format=custom --file=sealmilter-schema5.dump 'postgres://a@db/x?sslmode=verify-full'",
	} {
		if got := BackUp(&config.Config{Database: database}, 5); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
