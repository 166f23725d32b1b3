package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/premises"
)

// TestMessage hands in a message that sealmilter refuses with a token, and reports what became of it. The bool is whether
// one was sent.
func (r *Report) TestMessage(ctx context.Context, c *config.Config, address string) bool {
	const topic = "test message"
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
		loopback = at.Addr()
	}
	if !slices.ContainsFunc(c.Senders.Trust, func(p netip.Prefix) bool { return p.Contains(loopback) }) {
		r.add("warning", topic, "none was sent, because [senders] trust has no loopback address and sealmilter would not look at it", "log in and send yourself a message")
		return false
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		r.add("error", topic, "it cannot be handed in: "+err.Error(), "see whether the MTA runs")
		return true
	}
	defer conn.Close()
	token := newToken()
	final, reply, err := sendTest(conn, token)
	switch {
	case err != nil:
		r.add("error", topic, address+" does not answer: "+err.Error(), mtaLog)
	case strings.Contains(reply.Msg, gate.TestReply(token, true)):
		r.add("ok", topic, "the MTA asks sealmilter about mail at "+address+", and takes its copies; nobody got the message", "")
	case strings.Contains(reply.Msg, gate.TestReply(token, false)):
		r.add("error", topic, "the MTA asks sealmilter, but does not take its copies", "start sealmilter anew if reinject was changed; else see its log, and that of the MTA for "+c.Reinject)
	case final && reply.Code < 300:
		r.add("error", topic, "it was accepted at "+address+" without sealmilter; the postmaster will get it", "mend what the lines above say of the MTA's listeners; if they say that all is well, it has not read its settings: postfix reload, or restart sendmail")
	case reply.Code < 500:
		why := fmt.Sprintf("nobody listens at %s", c.Listen)
		if Listens(ctx, c.Listen) {
			why = fmt.Sprintf("it gets no answer from sealmilter at %s, or from another of its filters, or has no room", c.Listen)
		}
		r.add("error", topic, fmt.Sprintf("the MTA says %d %s: %s", reply.Code, reply.Msg, why), mtaLog+"; and journalctl -n 20 -u "+premises.ServiceName)
	default:
		r.add("warning", topic, fmt.Sprintf("it was refused before sealmilter could see all of it: %d %s", reply.Code, reply.Msg), "send yourself a message")
	}
	return true
}

// newToken returns 128 bits in hexadecimal.
func newToken() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// sendTest hands in the message, and returns the last reply. Final tells that it is the answer to the whole message.
func sendTest(conn net.Conn, token string) (final bool, reply textproto.Error, err error) {
	d, err := newDialogue(conn, 2*time.Minute)
	if err != nil {
		return false, reply, err
	}
	host, _, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(d.reply.Msg, "\n", " ")), " ")
	if err := d.say("EHLO localhost"); err != nil {
		return false, reply, err
	}
	mark := ""
	if slices.ContainsFunc(strings.Split(d.reply.Msg, "\n"), func(line string) bool { return strings.EqualFold(line, "DSN") }) {
		mark = " ENVID=" + gate.TestEnvelope
	}
	postmaster := "postmaster@" + host
	if err := d.say("MAIL FROM:<" + postmaster + ">" + mark); err != nil || !d.isYes() {
		return false, d.reply, err
	}
	// Every host has a postmaster (RFC 5321, section 4.5.1); some have forgotten.
	for _, to := range []string{postmaster, "postmaster", "root@" + host} {
		if err := d.command("RCPT TO:<" + to + ">"); err != nil {
			return false, reply, err
		}
		if d.isYes() {
			break
		}
	}
	if err := d.say("DATA"); err != nil || !d.isYes() {
		return false, d.reply, err
	}
	lines := []string{
		"From: " + postmaster, "To: " + postmaster, "Subject: test message of sealmilter",
		"Date: " + time.Now().Format(time.RFC1123Z), "Message-ID: <" + token + "@" + host + ">",
		gate.TestField + ": " + token, "",
		"This message was to be refused by sealmilter. If you read it, the mail server did not ask.", ".",
	}
	err = d.say(strings.Join(lines, "\r\n"))
	return true, d.reply, err
}
