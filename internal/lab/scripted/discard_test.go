package scripted_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"sealmilter/internal/lab"
)

// discard is a mail server that takes copies and throws them away: a measurement must not wait for one that keeps them.
type discard struct {
	// taken counts the messages.
	taken atomic.Int64
	// asked is called when a message is about to come.
	asked  func()
	server *lab.Server
}

// startDiscard listens at an address.
func startDiscard(addr string, asked func()) (*discard, error) {
	d := &discard{asked: asked}
	var err error
	d.server, err = lab.StartServer("tcp", addr, d.serve)
	return d, err
}

func (d *discard) close() error { return d.server.Close() }

func (d *discard) serve(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 64<<10)
	reply := "220 discard.example ESMTP"
	for {
		if _, err := fmt.Fprintf(conn, "%s\r\n", reply); err != nil {
			return
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			reply = "250-discard.example\r\n250-8BITMIME\r\n250 SMTPUTF8"
		case "DATA":
			d.asked()
			if _, err := fmt.Fprint(conn, "354 go on\r\n"); err != nil || skipData(in) != nil {
				return
			}
			d.taken.Add(1)
			reply = "250 2.0.0 thrown away"
		case "QUIT":
			fmt.Fprint(conn, "221 2.0.0 bye\r\n")
			return
		default:
			reply = "250 2.0.0 ok"
		}
	}
}

// skipData reads a message up to its final dot, which no line of one is without.
func skipData(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			return nil
		}
	}
}
