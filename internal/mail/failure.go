package mail

import (
	"errors"
	"fmt"
)

// Failure is the only error that becomes an SMTP reply. Text goes to the client as it is: it never holds anything
// of the message but an address the client has just given. Err is the cause for the log and never reaches the
// client.
type Failure struct {
	// Code is the SMTP reply code, 4xx or 5xx (RFC 5321, section 4.2).
	Code int
	// Enhanced is the enhanced status code, such as "5.7.1" (RFC 3463).
	Enhanced string
	// Text is one sentence for a person, or several lines joined by LF.
	Text string
	// Quotes says that Text may quote the message, as filters do that refuse one for its content. The log does not have
	// it then.
	Quotes bool
	// Err is the cause, nil if there is none beside the text.
	Err error
}

// Error returns reply and cause, for the log.
func (f *Failure) Error() string {
	text := f.Text
	if f.Quotes {
		text = "(the mail server's words about the content are in its own log alone)"
	}
	if f.Err != nil {
		return fmt.Sprintf("%d %s %s: %v", f.Code, f.Enhanced, text, f.Err)
	}
	return fmt.Sprintf("%d %s %s", f.Code, f.Enhanced, text)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Temporary reports whether the client should try again. Whatever is not a clear 5xx is temporary.
func (f *Failure) Temporary() bool { return f.Code < 500 || f.Code > 599 }

// Reject makes a permanent failure with 550.
func Reject(enhanced, text string, err error) *Failure {
	return &Failure{Code: 550, Enhanced: enhanced, Text: text, Err: err}
}

// Defer makes a temporary failure with 451.
func Defer(enhanced, text string, err error) *Failure {
	return &Failure{Code: 451, Enhanced: enhanced, Text: text, Err: err}
}

// AsFailure returns the Failure in err's tree. Any other error is an internal one: 451, with nothing of it shown
// to the client. A Failure whose code is neither 4xx nor 5xx would say yes to the client and becomes 451, too.
func AsFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) && f.Code >= 400 && f.Code <= 599 {
		return f
	}
	return Defer("4.3.0", "The mail encryption service cannot do its work at the moment. Please try again later, or tell the postmaster: its log has the reason.", err)
}
