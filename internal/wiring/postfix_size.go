package wiring

import "fmt"

// growth is how many times as large as it was an encrypted message may be.
const growth = 2

// size looks at what becomes of messages that grow when they are encrypted.
func (k *postfixCheck) size() {
	limit, largest := number(k.Main["message_size_limit"]), k.config.Limits.Message
	if limit == 0 || limit >= growth*largest {
		return
	}
	settings := fmt.Sprintf("message_size_limit=%d", growth*largest)
	// Where a mailbox may be smaller than a message, Postfix delivers to none.
	for _, name := range []string{"mailbox_size_limit", "virtual_mailbox_limit"} {
		if mailbox := number(k.Main[name]); mailbox > 0 && mailbox < growth*largest {
			settings += " " + name + "=0"
		}
	}
	k.warning("Postfix message_size_limit", fmt.Sprintf("an encrypted message is up to twice as large as it was, and Postfix takes %d octets: messages over %d may be refused with 552, though [limits] message is %d",
		limit, limit/growth, largest), "postconf -e "+settings+" && postfix reload, or set message in [limits] to what users may send")
}
