// Command noop is a milter that does nothing. It takes every event that sealmilter takes, with the same library, and
// answers each with "continue", so that what it costs an MTA is what any milter of this kind does. It says for which
// socket it is, as sealmilter does: "noop unix:PATH" or "noop inet:ADDRESS:PORT".
package main

import (
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"

	"github.com/emersion/go-milter"
)

type noop struct{ milter.NoOpMilter }

// Body is the end of a message. The library's own answer ends it with "accept", after which the backend is made anew.
func (noop) Body(*milter.Modifier) (milter.Response, error) { return milter.RespContinue, nil }

// Headers forgets the fields, which the library would gather for all messages of a connection.
func (noop) Headers(h textproto.MIMEHeader, _ *milter.Modifier) (milter.Response, error) {
	clear(h)
	return milter.RespContinue, nil
}

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "noop:", err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: noop unix:PATH | inet:ADDRESS:PORT")
	}
	network, address, _ := strings.Cut(args[0], ":")
	if network == "inet" {
		network = "tcp"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	server := milter.Server{NewMilter: func() milter.Milter { return noop{} }}
	return server.Serve(l)
}
