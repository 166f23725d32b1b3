package split_test

import (
	"errors"
	"io"
	"net"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"testing"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{addr: listener.Addr().String(), milter: milter}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { d.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close() // what is open ends with Postfix, which is closed first
		running.Wait()
	})
	return d
}

// set shuts the door, or has it cut connections after so many octets.
func (d *door) set(shut bool, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut, d.most = shut, most
}

func (d *door) serve(conn net.Conn) {
	defer conn.Close()
	d.mu.Lock()
	owner, shut, most := d.owner, d.shut, d.most
	d.mu.Unlock()
	if shut {
		return
	}
	milter, err := dialAs(owner, d.milter)
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

// dialAs connects with a socket that belongs to a user of this machine.
func dialAs(name, addr string) (net.Conn, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchown(int(fd), uid, -1) })
		return errors.Join(err, failed)
	}}
	return dialer.Dial("tcp", addr)
}
