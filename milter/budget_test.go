package milter_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// failingBody is a new body that cannot be written.
type failingBody struct{ *strings.Reader }

// TestBudgetAfterFailures: whatever a handler does with a message, there is room for the next one.
func TestBudgetAfterFailures(t *testing.T) {
	for name, message := range map[string]func(context.Context, *mail.Message) (*mail.Edit, error){
		"error":   func(context.Context, *mail.Message) (*mail.Edit, error) { return nil, errors.New("broken") },
		"refusal": func(context.Context, *mail.Message) (*mail.Edit, error) { return nil, mail.Reject("5.7.1", "No.", nil) },
		"panic":   func(context.Context, *mail.Message) (*mail.Edit, error) { panic("broken") },
		"goexit":  func(context.Context, *mail.Message) (*mail.Edit, error) { runtime.Goexit(); return nil, nil },
		"panic in the answer": func(context.Context, *mail.Message) (*mail.Edit, error) {
			return &mail.Edit{Body: failingBody{}}, nil
		},
		"edit that cannot be": func(context.Context, *mail.Message) (*mail.Edit, error) {
			return &mail.Edit{Delete: []mail.Recipient{{Raw: "<mallory@example.org>"}}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := connect(t, serve(t, &milter.Server{Begin: always(handler{message: message}), MaxInFlight: 100}))
			for range 3 {
				m.envelope("<bob@example.org>")
				m.content(nil, strings.Repeat("x", 60)) // nothing but room is answered with continue
				if answer := m.finish(); answer[len(answer)-1] == "c" {
					t.Errorf("the answer is %q", answer)
				}
			}
		})
	}
}
