package postfix_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// TestPortThatWasAStrangers has a stranger come in from the address and port that sealmilter has later, when Postfix gets to
// the stranger's commands: they were written before the stranger hung up by a reset, and Postfix reads them all the
// same. That it is the same port is what the door tells; here the stranger stays, to hear the replies.
func TestPortThatWasAStrangers(t *testing.T) {
	t.Parallel()
	p := startPartial(t, "")
	stranger := labtest.Dial(p.ctx, t, p.world.Reinject)
	port := regexp.MustCompile(`\nclient_port=[0-9]+\n`)
	attacked := p.door.at(p.ctx, "DATA", "dave@example.net", "OK", func() error {
		p.door.mu.Lock()
		own := port.FindString(p.door.held) // sealmilter's, whose connection is open
		p.door.forge = func(question string) string { return port.ReplaceAllString(question, own) }
		p.door.mu.Unlock()
		defer func() {
			p.door.mu.Lock()
			p.door.forge = nil
			p.door.mu.Unlock()
		}()
		return errors.Join(intrude(stranger, "erin@example.com"), intrude(stranger, "postmaster"))
	})
	p.send(t, "alice", "port", "250", "dave@example.net", "bob@example.net")
	if err := <-attacked; err != nil {
		t.Error(err)
	}
	p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted")
}

// intrude has a client say a whole message in one go, and returns an error if the server takes it.
func intrude(client *lab.Client, to string) error {
	const message = "From: alice@example.org\r\nSubject: Forged\r\n\r\nForged.\r\n"
	commands := fmt.Sprintf("MAIL FROM:<alice@example.org>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%sRSET\r\n", to, len(message), message)
	if err := client.Write([]byte(commands)); err != nil {
		return err
	}
	var replies []string
	for range 4 {
		reply, err := client.ReadReply()
		if err != nil {
			return err
		}
		replies = append(replies, reply.String())
	}
	if !strings.HasPrefix(replies[2], "5") {
		return fmt.Errorf("the server takes a message for %s: %q", to, replies)
	}
	return nil
}
