package outbox

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Limits of the policy dialogue.
const (
	maxPolicyLine  = 4096
	maxPolicyLines = 200
	policyIdle     = 10 * time.Minute
)

// strangerReply is what strangers are told, here and by the gate.
const strangerReply = "This listener is for the mail encryption service alone"

// Guard answers Postfix's policy delegation protocol on conn until the other side hangs up: OK for a client that is one
// of the outbox's own open connections, REJECT for everybody else (Postfix SMTPD_POLICY_README). A local user cannot
// pretend, as [Outbox.Owns] explains.
func (o *Outbox) Guard(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, maxPolicyLine)
	for {
		if conn.SetDeadline(time.Now().Add(policyIdle)) != nil {
			return
		}
		attributes, err := readPolicyRequest(in)
		if err != nil {
			return
		}
		action := "REJECT 5.7.1 " + strangerReply
		client, server := endsOf(attributes)
		if o.Owns(client, server, attributes["helo_name"]) {
			action = "OK"
		}
		if _, err := io.WriteString(conn, "action="+action+"\n\n"); err != nil {
			return
		}
	}
}

// readPolicyRequest reads lines "name=value" up to an empty one.
func readPolicyRequest(in *bufio.Reader) (map[string]string, error) {
	attributes := map[string]string{}
	for range maxPolicyLines {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" {
			return attributes, nil
		}
		name, value, found := strings.Cut(text, "=")
		if !found {
			return nil, io.ErrUnexpectedEOF
		}
		if _, twice := attributes[name]; twice {
			return nil, io.ErrUnexpectedEOF
		}
		attributes[name] = value
	}
	return nil, bufio.ErrTooLong
}

// endsOf returns the client that a request is about, the zero AddrPort if it does not say, and the server as far as it does:
// Postfix tells that since version 3.2.
func endsOf(attributes map[string]string) (client, server netip.AddrPort) {
	if attributes["request"] != "smtpd_access_policy" {
		return netip.AddrPort{}, netip.AddrPort{}
	}
	client, server = endIn(attributes, "client"), endIn(attributes, "server")
	if !client.Addr().IsValid() || client.Port() == 0 {
		return netip.AddrPort{}, server
	}
	return client, server
}

// endIn returns the address and port of the attributes of one end; what cannot be read is zero.
func endIn(attributes map[string]string, end string) netip.AddrPort {
	addr, _ := netip.ParseAddr(attributes[end+"_address"])
	port, err := strconv.ParseUint(attributes[end+"_port"], 10, 16)
	if err != nil {
		port = 0
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}
