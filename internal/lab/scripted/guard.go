package scripted

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// guard asks the milter by Postfix's policy protocol who may use the listener for copies (SMTPD_POLICY_README). It keeps
// the connection for the next question. Without an answer nobody comes in.
type guard struct {
	ctx    context.Context
	milter string
	conn   net.Conn
	in     *bufio.Reader
}

// ask returns "" for a client that may come in, and otherwise the reply to it.
func (g *guard) ask(state string, client netip.AddrPort, helo, sender, recipient string) string {
	action, err := g.question(state, client, helo, sender, recipient)
	switch {
	case err != nil:
		g.close()
		return "451 4.7.1 sealmilter does not answer"
	case action == "OK":
		return ""
	default:
		return "554 5.7.1 Client host rejected: " + strings.TrimPrefix(action, "REJECT ")
	}
}

func (g *guard) question(state string, client netip.AddrPort, helo, sender, recipient string) (action string, err error) {
	if g.conn == nil {
		if g.conn, err = new(net.Dialer).DialContext(g.ctx, "tcp", g.milter); err != nil {
			return "", err
		}
		g.in = bufio.NewReader(g.conn)
	}
	if err := g.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(g.conn, `request=smtpd_access_policy
protocol_state=%s
protocol_name=ESMTP
client_address=%v
client_name=localhost
client_port=%d
reverse_client_name=localhost
server_address=127.0.0.1
helo_name=%s
sender=%s
recipient=%s
recipient_count=0
queue_id=
instance=1
size=0
sasl_username=

`, state, client.Addr(), client.Port(), helo, bare(sender), bare(recipient))
	if err != nil {
		return "", err
	}
	line, err := g.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	end, err := g.in.ReadString('\n')
	action, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "action=")
	if err == nil && (!found || end != "\n") {
		err = violation("a policy question is answered with %q and %q", line, end)
	}
	return action, err
}

func (g *guard) close() {
	if g.conn != nil {
		_ = g.conn.Close()
		g.conn = nil
	}
}
