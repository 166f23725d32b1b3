package doctor

import (
	"context"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/shell"
)

const sendTopic = "message"

// selfTest hands in a message that sealmilter has to refuse, and after that, if it was asked for, one that arrives.
func (r *Report) selfTest(ctx context.Context, c *config.Config, mtas []mailServer, o Options) {
	const topic = "test message"
	tested := false
	for _, mta := range mtas {
		client := mta.ClientAddress()
		switch {
		case client == "":
			r.add("warning", topic, mta.Name()+" takes no mail at port 25, so none was sent", "log in and send yourself a message")
			continue
		case !Listens(ctx, config.Listen{Network: "tcp", Address: client}):
			r.add("error", topic, fmt.Sprintf("%s does not answer at %s, so none was sent", mta.Name(), client), "start it; if it does not stay, "+mtaLog)
			continue
		}
		before := r.errors
		if tested = r.TestMessage(ctx, c, client); !tested || r.errors > before || o.Send == "" {
			continue
		}
		r.send(ctx, client, o)
		return
	}
	if o.Send != "" {
		r.add("warning", sendTopic, "none was sent to "+o.Send+", for the test before it did not come through", "mend what the lines above say, and try again")
	}
}

// send hands in a real message.
func (r *Report) send(ctx context.Context, address string, o Options) {
	explain := "sealmilter explain " + shell.Quote("--from="+o.From, "--to="+o.Send)
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		r.add("error", sendTopic, "it cannot be handed in: "+err.Error(), "see whether the MTA runs")
		return
	}
	defer conn.Close()
	final, reply, err := sendReal(conn, o.From, o.Send, time.Now())
	switch {
	case err != nil:
		r.add("error", sendTopic, address+" does not answer: "+err.Error(), mtaLog)
	case final && reply.Code < 300:
		r.add("ok", sendTopic, fmt.Sprintf("a message from %s to %s was taken (%d %s); how it should look when it arrives: %s", o.From, o.Send, reply.Code, reply.Msg, explain), "")
	default:
		r.add("error", sendTopic, fmt.Sprintf("a message from %s to %s was refused: %d %s", o.From, o.Send, reply.Code, reply.Msg), explain+" says why; a sender without a login needs a key here, too")
	}
}

// sendReal hands in a message from one address to another, and returns the last reply. Final tells that it is the answer to
// the whole message.
func sendReal(conn net.Conn, from, to string, now time.Time) (final bool, reply textproto.Error, err error) {
	d, err := newDialogue(conn, 2*time.Minute)
	if err != nil {
		return false, reply, err
	}
	_, host, _ := strings.Cut(from, "@")
	text := strings.Join([]string{
		"From: <" + from + ">", "To: <" + to + ">", "Subject: Test of sealmilter", "Date: " + now.Format(time.RFC1123Z),
		"Message-ID: <" + newToken() + "@" + host + ">", "",
		"sealmilter check --send has sent this message. If you can read this and your mail program says that the message",
		"was encrypted and signed, or signed, then what is meant to happen to mail from " + from + " does happen.", "."}, "\r\n")
	if err := d.say("EHLO localhost", "MAIL FROM:<"+from+">", "RCPT TO:<"+to+">", "DATA"); err != nil || !d.isYes() {
		return false, d.reply, err
	}
	err = d.say(text)
	return true, d.reply, err
}
