package doctor

import (
	"fmt"
	"net"
	"time"
)

// tryRecipient speaks SMTP up to the first RCPT TO and returns the reply to it. Nothing is sent.
func tryRecipient(conn net.Conn) (string, error) {
	d, err := newDialogue(conn, 30*time.Second)
	switch {
	case err != nil:
		return "", err
	case !d.isYes():
		return "", &d.reply
	}
	if err := d.say("EHLO check.localhost", "MAIL FROM:<>", "RCPT TO:<postmaster@sealmilter.invalid>"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s", d.reply.Code, d.reply.Msg), d.conn.PrintfLine("QUIT")
}
