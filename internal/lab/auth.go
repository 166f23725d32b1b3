package lab

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
)

// Auth is a password server for Postfix's SASL authentication. It speaks the server side of Dovecot's authentication
// protocol, version 1, with the mechanism PLAIN (RFC 4616) and an initial response only. A [Sendmail] asks it in its own
// way.
type Auth struct {
	// Addr is the address for [PostfixConfig].Auth.
	Addr string

	server    *Server
	passwords map[string]string
}

// StartAuth starts a password server for these users. The caller closes it and leaves the map alone.
func StartAuth(passwords map[string]string) (*Auth, error) {
	a := &Auth{passwords: passwords}
	var err error
	if a.server, err = StartServer("tcp", anyPort, a.serve); err != nil {
		return nil, fmt.Errorf("start a password server: %w", err)
	}
	a.Addr = a.server.Addr
	return a, nil
}

// Close ends all connections.
func (a *Auth) Close() error { return a.server.Close() }

func (a *Auth) serve(conn net.Conn) {
	fmt.Fprint(conn, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if fields[0] != "AUTH" || len(fields) < 2 {
			continue // the client's own greeting
		}
		id, answer := fields[1], "FAIL\t"+fields[1]
		for _, field := range fields[2:] {
			if response, found := strings.CutPrefix(field, "resp="); found {
				if user, ok := a.check(response); ok {
					answer = "OK\t" + id + "\tuser=" + user
				}
			}
		}
		fmt.Fprintln(conn, answer)
	}
}

// check reads a PLAIN response: authorization identity, user and password with NULs between them.
func (a *Auth) check(response string) (user string, ok bool) {
	plain, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return "", false
	}
	fields := strings.Split(string(plain), "\x00")
	if len(fields) != 3 {
		return "", false
	}
	return fields[1], a.verify(fields[1], fields[2])
}

// verify reports whether there is such a user with such a password.
func (a *Auth) verify(user, password string) bool {
	wanted, known := a.passwords[user]
	return known && wanted == password
}
