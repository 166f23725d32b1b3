package corpus

import "fmt"

// Outcome is how a file or message ended.
type Outcome uint8

const (
	// Failed is what must not happen: something was changed, shown, broken, or judged otherwise than by other programs.
	Failed Outcome = iota
	// Verified means that other programs could read all that came out.
	Verified
	// Refused means that it was turned down with a reason for a person.
	Refused
)

// String returns the outcome in one word.
func (o Outcome) String() string {
	switch o {
	case Verified:
		return "verified"
	case Refused:
		return "refused"
	default:
		return "failed"
	}
}

// MarshalText returns the word for JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Result is what became of one message or one file of keys.
type Result struct {
	// Name is the file's, below the folder; "#2" behind it is the second message of a mailbox.
	Name string `json:"name"`
	// Kind is "message" or "keys".
	Kind    string  `json:"kind"`
	Outcome Outcome `json:"outcome"`
	// Reason is why a message or a whole file was refused.
	Reason string `json:"reason,omitempty"`
	// Faults are what is wrong, each a clause.
	Faults []string `json:"faults,omitempty"`
	// Copies is how many copies of a message were opened, and Usable how many addresses of a file could be encrypted to.
	Copies int `json:"copies,omitempty"`
	Usable int `json:"usable,omitempty"`
}

// fault adds what is wrong.
func (r *Result) fault(format string, args ...any) {
	r.Outcome = Failed
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}
