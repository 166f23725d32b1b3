package campaign

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"sealmilter/internal/lab"
)

// client is a mail client that sends one letter after the other, each until it is accepted or refused for good.
type client struct {
	name     string
	random   *rand.Rand
	site     *site
	register *register
	moments  *moments
	// splits clients go on without a recipient who is not accepted now, and send to that one later, as an MTA does. Others
	// send to all or none.
	splits bool
}

// patience is how long a client waits for an answer (RFC 5321, section 4.5.3.2.6 has 10 minutes).
const patience = 10 * time.Minute

// run writes letters until writing ends, and brings the last one to its end, or to that of ctx.
func (c *client) run(ctx, writing context.Context) {
	for n := 1; writing.Err() == nil; n++ {
		rec := c.register.begin(drawLetter(c.random, c.name, n, c.site.people, false))
		c.deliver(ctx, rec)
		c.site.rest(writing, time.Duration(c.random.IntN(200))*time.Millisecond)
	}
}

// rest waits between two letters, and longer while more arrives than can be opened.
func (s *site) rest(ctx context.Context, d time.Duration) {
	for pause(ctx, d) && s.crowded() {
		d = 50 * time.Millisecond
	}
}

// pause waits, and reports whether that was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver tries until everybody has been taken care of.
func (c *client) deliver(ctx context.Context, rec *record) {
	message := rec.message()
	left := rec.to
	for {
		again, err := c.try(ctx, rec, left, message)
		c.register.note(rec, func(rec *record) {
			rec.tries++
			if err != nil {
				rec.last = err.Error()
			}
			rec.done = len(again) == 0
		})
		if left = again; len(left) == 0 {
			return
		}
		if !pause(ctx, time.Duration(100+c.random.IntN(900))*time.Millisecond) {
			return
		}
	}
}

// try is one transaction on a connection of its own. It returns who has to be tried again, and why the last of them.
func (c *client) try(ctx context.Context, rec *record, to []recipient, message []byte) (again []recipient, why error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := lab.Dial(ctx, c.site.postfix.Addr)
	if err != nil {
		return to, err
	}
	defer conn.Drop()
	c.moments.tell(clientConnected, seen{})
	if reply, err := conn.AuthPlain(rec.from.login, rec.from.login); err != nil || reply.Code != 235 {
		return to, heard("AUTH", reply, err)
	}
	switch reply, err := conn.Mail(rec.from.addr); {
	case err == nil && reply.Code >= 500:
		return nil, c.refusal(rec, heard("MAIL", reply, nil), reply)
	case err != nil || reply.Code != 250:
		return to, heard("MAIL", reply, err)
	}
	var accepted []recipient
	for _, r := range to {
		reply, err := conn.Rcpt(r.addr)
		switch {
		case err != nil:
			return to, heard("RCPT", reply, err)
		case reply.Code == 250:
			accepted = append(accepted, r)
		case reply.Code >= 500:
			c.register.note(rec, func(rec *record) { rec.refused[r.addr] = reply.String() })
		default:
			again, why = append(again, r), heard("RCPT", reply, nil)
		}
	}
	if len(again) > 0 && !c.splits {
		return append(again, accepted...), why
	}
	if len(accepted) == 0 {
		return again, why
	}
	reply, err := c.data(conn, message)
	switch {
	case err == nil && reply.Code == 250:
		c.moments.tell(clientAnswered, seen{})
		c.register.note(rec, func(rec *record) {
			for _, r := range (&letter{to: accepted}).readers() {
				rec.accepted[r.addr]++
			}
		})
		conn.Quit()
		return again, why
	case err == nil && reply.Code >= 500:
		return again, c.refusal(rec, heard("DATA", reply, nil), reply)
	default:
		return append(again, accepted...), heard("DATA", reply, err)
	}
}

// data sends the message in two parts, so that there is a moment in its middle. No line of a letter begins with a dot.
func (c *client) data(conn *lab.Client, message []byte) (lab.Reply, error) {
	reply, err := conn.Command("DATA")
	if err != nil || reply.Code != 354 {
		return reply, err
	}
	half := len(message) / 2
	if err := conn.Write(message[:half]); err != nil {
		return lab.Reply{}, err
	}
	c.moments.tell(clientData, seen{})
	if err := conn.Write(bytes.Join([][]byte{message[half:], []byte(".\r\n")}, nil)); err != nil {
		return lab.Reply{}, err
	}
	c.moments.tell(clientDot, seen{})
	return conn.ReadReply()
}

// refusal notes a reply that refuses all of a letter for good.
func (c *client) refusal(rec *record, why error, reply lab.Reply) error {
	c.register.note(rec, func(rec *record) { rec.turnedDown = append(rec.turnedDown, reply.String()) })
	return why
}

func heard(command string, reply lab.Reply, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return fmt.Errorf("%s: %s", command, reply)
}
