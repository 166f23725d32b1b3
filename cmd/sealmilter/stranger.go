package main

import (
	"net"
	"net/textproto"
	"time"
)

// tryRecipient speaks SMTP up to the first RCPT TO and returns the reply to it. Nothing is sent.
func tryRecipient(conn net.Conn) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	c := textproto.NewConn(conn)
	if _, _, err := c.ReadResponse(220); err != nil {
		return "", err
	}
	reply := ""
	for _, command := range []string{"EHLO check.localhost", "MAIL FROM:<>", "RCPT TO:<postmaster@sealmilter.invalid>"} {
		if err := c.PrintfLine("%s", command); err != nil {
			return "", err
		}
		code, text, err := c.ReadResponse(0)
		if err != nil {
			return "", err
		}
		reply = string(rune('0'+code/100)) + text
		if code >= 400 {
			break
		}
	}
	return reply, c.PrintfLine("QUIT")
}
