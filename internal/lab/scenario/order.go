package scenario

import (
	"bytes"
	"net/mail"

	"sealmilter/internal/lab"
)

// inOrder returns what has arrived in a mailbox in the order of the forms. An MTA delivers several messages to one
// mailbox at the same time, so that a later one may overtake. What cannot be told by its Message-ID stays where it is.
func (c *Case) inOrder(arrived []lab.Delivery, forms []form) []lab.Delivery {
	for i, f := range forms {
		id := messageID(c.messages[f.message])
		if id == "" || messageID(arrived[i].Data) == id {
			continue
		}
		for j := i + 1; j < len(arrived); j++ {
			if messageID(arrived[j].Data) == id {
				arrived[i], arrived[j] = arrived[j], arrived[i]
				break
			}
		}
	}
	return arrived
}

// messageID returns "" for a message without one.
func messageID(message []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return ""
	}
	return m.Header.Get("Message-ID")
}
