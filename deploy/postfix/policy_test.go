package postfix_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// guard stands in for sealmilter's answers to Postfix's policy requests: OK for the client ports it was told of. It
// takes no milter connection.
type guard struct {
	mu       sync.Mutex
	ours     map[string]bool     // by client_port
	requests []map[string]string // attributes by name
}

// startGuard serves at a reserved address until the test, or the returned function, ends it.
func startGuard(t *testing.T, addr string) (g *guard, stop func()) {
	t.Helper()
	g = &guard{ours: make(map[string]bool)}
	server, err := lab.StartServer("tcp", addr, g.serve)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { server.Close() })
	t.Cleanup(stop)
	return g, stop
}

// serve reads requests of SMTPD_POLICY_README: lines name=value, an empty line at the end.
func (g *guard) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	if first, err := in.Peek(1); err != nil || first[0] == 0 {
		return // a milter's frame
	}
	request := make(map[string]string)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "="); found {
			request[name] = value
			continue
		}
		fmt.Fprintf(conn, "action=%s\n\n", g.decide(request))
		request = make(map[string]string)
	}
}

func (g *guard) decide(request map[string]string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, request)
	if g.ours[request["client_port"]] {
		return "OK"
	}
	return "REJECT 5.7.1 This listener is for sealmilter alone"
}

// admit makes the guard take a client for sealmilter.
func (g *guard) admit(client net.Addr) {
	_, port, _ := net.SplitHostPort(client.String())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ours[port] = true
}

// seen returns the requests so far.
func (g *guard) seen() []map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}
