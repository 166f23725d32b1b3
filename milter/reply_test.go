package milter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

func TestReplies(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 60))
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"one line", &mail.Failure{Code: 550, Enhanced: "5.7.1", Text: "No key."}, "550 5.7.1 No key."},
		{"percent", &mail.Failure{Code: 550, Enhanced: "5.7.1", Text: "100% %s"}, "550 5.7.1 100%% %%s"},
		{"lines", &mail.Failure{Code: 450, Enhanced: "4.7.1", Text: "one\ntwo\r\n\nthree\n"}, "450-4.7.1 one\r\n450-4.7.1 two\r\n450 4.7.1 three"},
		{"wrapped", fmt.Errorf("plan: %w", mail.Reject("5.7.1", "No key.", nil)), "550 5.7.1 No key."},
		{"control characters", mail.Reject("5.7.1", "a\rb\x00c\td\x7fe", nil), "550 5.7.1 a b c d e"},
		{"not ASCII", mail.Reject("5.7.1", "Schlüssel \xff fehlt", nil), "550 5.7.1 Schl?ssel ? fehlt"},
		{"long line", mail.Reject("5.7.1", long, nil), "550-5.7.1 " + long[:199] + "\r\n550 5.7.1 " + long[200:]},
		{"long word", mail.Reject("5.7.1", strings.Repeat("x", 401), nil),
			"550-5.7.1 " + strings.Repeat("x", 200) + "\r\n550-5.7.1 " + strings.Repeat("x", 200) + "\r\n550 5.7.1 x"},
		{"too many lines", mail.Reject("5.7.1", strings.Repeat("x\n", 100), nil), strings.Repeat("550-5.7.1 x\r\n", 19) + "550 5.7.1 x"},
		{"no text", mail.Reject("5.7.1", " \n", nil), "550 5.7.1 The message was refused."},
		{"no text, temporary", mail.Defer("4.7.1", "", nil), "451 4.7.1 Please try again later."},
		{"wrong class", mail.Reject("4.7.1", "x", nil), "550 5.0.0 x"},
		{"no enhanced code", mail.Defer("", "x", nil), "451 4.0.0 x"},
		{"injected enhanced code", mail.Reject("5.7.1\r\n250 ", "x", nil), "550 5.0.0 x"},
		{"code that says yes", &mail.Failure{Code: 250, Enhanced: "2.0.0", Text: "x"}, "451 4.3.0 "},
		{"any other error", errors.New("disk full"), "451 4.3.0 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fail := func(context.Context, *mail.Message) (*mail.Edit, error) { return &mail.Edit{Discard: true}, tc.err }
			m := connect(t, serve(t, &milter.Server{Begin: always(handler{
				rcpt: func(_ context.Context, env *mail.Envelope, _ mail.Recipient) error {
					if len(env.Recipients) > 0 {
						return tc.err
					}
					return nil
				},
				message: fail,
			})}))
			m.want("c", 'M', "<alice@example.org>")
			m.want("c", 'R', "<bob@example.org>")
			want := "y" + tc.want
			if !strings.HasSuffix(want, " ") {
				want += "\x00"
			}
			m.want(want, 'R', "<carol@example.org>")
			m.content(nil)
			if got := m.finish(); len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Contains(got[0], "disk") {
				t.Errorf("at end of message: %q, want %q", got, want)
			}
		})
	}
}
