package store_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sealmilter/internal/store"
)

// Errors that a test cannot easily have from a real server.
func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&pgconn.PgError{Code: "53100", Message: "could not extend file"}, "check the disk"},
		{&pgconn.PgError{Code: "25006", Message: "cannot execute INSERT in a read-only transaction"}, "name the primary"},
		{&pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}, "goes on when it is back"},
		{&net.DNSError{Err: "no such host", Name: "db.example"}, "check that the database server runs"},
		{io.ErrUnexpectedEOF, "goes on when it is back"},
		{driver.ErrBadConn, "goes on when it is back"},
	} {
		err := store.Explain(fmt.Errorf("query database: %w", tc.err))
		if !errors.Is(err, tc.err) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.err, err, tc.want)
		}
		if again := store.Explain(fmt.Errorf("again: %w", err)); strings.Count(again.Error(), tc.want) != 1 {
			t.Errorf("explained twice: %v", again)
		}
	}
	other := errors.New("other")
	if err := store.Explain(other); err != other {
		t.Errorf("an error of nobody's became %v", err)
	}
	if err := store.Explain(&pgconn.PgError{Code: "23505"}); strings.Contains(err.Error(), ";") {
		t.Errorf("advice without a cause: %v", err)
	}
}
