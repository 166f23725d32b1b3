package labtest

import (
	"bytes"
	"cmp"
	"fmt"
)

// What nobody but a recipient may read of a [Message].
const (
	Subject = "The plan for the vault"
	Text    = "The combination is in the blue folder."
)

// Message is a message from alice with a Message-ID of its own, id@client.example, and fields From and To; "" stands for
// plain ones, to bob. It ends with the one line of its text.
func Message(id, addresses string) string {
	addresses = cmp.Or(addresses, "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\n")
	return fmt.Sprintf("%sSubject: %s\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s@client.example>\r\n\r\n%s\r\n",
		addresses, Subject, id, Text)
}

// Clear returns what of a [Message] can be read in what somebody was shown.
func Clear(shown ...[]byte) (found []string) {
	for _, secret := range []string{Subject, Text} {
		if bytes.Contains(bytes.Join(shown, nil), []byte(secret)) {
			found = append(found, secret)
		}
	}
	return found
}
