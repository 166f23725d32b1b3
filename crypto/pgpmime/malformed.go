package pgpmime

import "fmt"

// MalformedError says why a message cannot be brought into the canonical form. No retry helps: the sender has to
// change the message. It shows nothing of the message's content.
type MalformedError struct {
	// Part is the number of the part, such as "2.1" for the first part of the second; "" is the message itself.
	Part string
	// Problem is a clause about the part, such as "has more than 100000 header fields".
	Problem string
}

// Error returns one sentence for the sender.
func (e *MalformedError) Error() string {
	if e.Part == "" {
		return "the message " + e.Problem
	}
	return fmt.Sprintf("part %s of the message %s", e.Part, e.Problem)
}
