package split_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// door stands between Postfix's inner listener and the milter. The front does not pass through it, so a test can take the
// milter away from the inner listener alone.
type door struct {
	addr   string
	milter string

	mu sync.Mutex
	// owner is the user of this machine to whom the connections to the milter belong, as Postfix's own do.
	owner string
	shut  bool
	most  int // octets towards the milter on one connection before it is cut, 0 for no limit
}

// openDoor serves until the test ends.
func openDoor(t *testing.T, milter string) *door {
	t.Helper()
	d := &door{milter: milter}
	server, err := lab.StartServer("tcp", "127.0.0.1:0", d.serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	d.addr = server.Addr
	return d
}

// set shuts the door, or has it cut connections after so many octets.
func (d *door) set(shut bool, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut, d.most = shut, most
}

func (d *door) serve(conn net.Conn) {
	d.mu.Lock()
	owner, shut, most := d.owner, d.shut, d.most
	d.mu.Unlock()
	if shut {
		return
	}
	dialer, err := lab.DialerAs(owner)
	if err != nil {
		return
	}
	milter, err := dialer.Dial("tcp", d.milter)
	if err != nil {
		return
	}
	defer milter.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer conn.Close()
		io.Copy(conn, milter)
	}()
	if most > 0 {
		io.CopyN(milter, conn, int64(most))
	} else {
		io.Copy(milter, conn)
	}
	conn.Close()
	milter.Close()
	<-done
}
