package mail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

func TestAsFailure(t *testing.T) {
	cause := errors.New("disk full at /var/lib")
	reject := mail.Reject("5.7.1", "No key.", cause)
	for _, tc := range []struct {
		name      string
		err       error
		code      int
		temporary bool
	}{
		{"reject", reject, 550, false},
		{"wrapped", fmt.Errorf("plan: %w", reject), 550, false},
		{"defer", mail.Defer("4.3.0", "Later.", nil), 451, true},
		{"any other error", cause, 451, true},
		{"a code that says yes", &mail.Failure{Code: 250, Text: "ok", Err: cause}, 451, true},
		{"no code", &mail.Failure{Text: "ok"}, 451, true},
	} {
		f := mail.AsFailure(tc.err)
		if f.Code != tc.code || f.Temporary() != tc.temporary {
			t.Errorf("%s: %v", tc.name, f)
		}
		if strings.Contains(f.Text, "disk") {
			t.Errorf("%s: the cause is shown to the client: %q", tc.name, f.Text)
		}
	}
	if !errors.Is(mail.AsFailure(cause), cause) || !strings.Contains(reject.Error(), "disk full") {
		t.Error("the cause is lost for the log")
	}
}
