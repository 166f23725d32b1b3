package labtest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sealmilter/internal/lab"
)

// Point is where in a dialogue a [Cable] breaks.
type Point uint8

const (
	// AtGreeting is before anything is said.
	AtGreeting Point = iota + 1
	// AtRecipient is at RCPT TO.
	AtRecipient
	// AtText is at DATA.
	AtText
	// AtDot is before the MTA has the final dot.
	AtDot
	// AfterDot is when the MTA has said yes to the final dot, which the other side does not hear.
	AfterDot
)

// Break is a fault of a [Cable].
type Break struct {
	// Copy says at which copy it breaks, counted from 1 since [Cable.Break].
	Copy int
	At   Point
	// Say is the reply that is given before the cable breaks, "" for none.
	Say string
	// Hang has the cable say nothing more instead, until [Cable.Mend]. What the MTA has said to the final dot is then passed on.
	Hang bool

	mended chan struct{} // closed when this break is mended
}

// Cable lies between a milter and the loopback listener of a Postfix, and breaks where it is told to. Postfix's questions
// about its clients go through it, too: in them the milter's end of the cable stands for the cable's own.
type Cable struct {
	// Addr stands for the loopback listener, and Guard for the milter's own address in the settings of Postfix.
	Addr, Guard string

	listener, milter string
	server           *lab.Server // nil while the cable is down
	// Reached gets a value whenever the cable breaks.
	Reached chan Point

	mu     sync.Mutex
	broken *Break
	copies int
	mended chan struct{}
	ends   map[string]string // the milter's port by the cable's own
	open   map[net.Conn]bool // the milter's connections
	unused chan struct{}     // closed while there are none
}

// StartCable lays a cable to a loopback listener and a milter, which may come and go. It goes with the test.
func StartCable(t testing.TB, listener, milter string) *Cable {
	t.Helper()
	c := &Cable{Addr: Reserve(t), listener: listener, milter: milter, Reached: make(chan Point, 1000), ends: map[string]string{},
		mended: make(chan struct{}), open: map[net.Conn]bool{}, unused: make(chan struct{})}
	close(c.unused)
	guard, err := lab.StartServer("tcp", "127.0.0.1:0", c.ask)
	if err != nil {
		t.Fatal(err)
	}
	c.Guard = guard.Addr
	c.Up(t)
	t.Cleanup(func() {
		c.Mend()
		guard.Close()
		c.Down()
	})
	return c
}

// Down has connections refused.
func (c *Cable) Down() {
	if c.server != nil {
		c.server.Close()
		c.server = nil
	}
}

// Up ends that.
func (c *Cable) Up(t testing.TB) {
	t.Helper()
	var err error
	if c.server, err = lab.StartServer("tcp", c.Addr, c.pass); err != nil {
		t.Fatal(err)
	}
}

// Break has the cable break, once at a copy and always at a greeting. Breaks from before are forgotten. What the milter keeps
// open for its next message is cut.
func (c *Cable) Break(b Break) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		conn.Close()
	}
	for len(c.Reached) > 0 {
		<-c.Reached
	}
	c.broken, c.copies = &b, 0
}

// Mend ends a break.
func (c *Cable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = nil
	close(c.mended)
	c.mended = make(chan struct{})
}

// breaks returns the fault of this point, nil for none.
func (c *Cable) breaks(at Point) *Break {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.broken
	if at == AtRecipient {
		c.copies++
	}
	if b == nil || b.At != at || at != AtGreeting && b.Copy != c.copies {
		return nil
	}
	if at != AtGreeting {
		c.broken = nil
	}
	// Whoever hears of it may mend it before the caller does anything.
	hit := *b
	hit.mended = c.mended
	c.Reached <- at
	return &hit
}

// end does to a connection what the fault says.
func (c *Cable) end(b *Break, conn net.Conn) {
	if b.Hang {
		<-b.mended
		return
	}
	if b.Say != "" {
		io.WriteString(conn, b.Say+"\r\n") // the other side may be gone
	}
}

// pass handles one connection of the milter.
func (c *Cable) pass(conn net.Conn) {
	if b := c.breaks(AtGreeting); b != nil {
		c.end(b, conn)
		return
	}
	mta, err := net.Dial("tcp", c.listener)
	if err != nil {
		return
	}
	defer mta.Close()
	defer c.join(conn, mta)()
	var deaf atomic.Bool                   // the milter hears nothing more
	var held atomic.Pointer[chan struct{}] // the milter hears nothing before this is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		for in := bufio.NewReader(mta); ; {
			line, err := in.ReadString('\n')
			if err != nil || deaf.Load() {
				break
			}
			if until := held.Load(); until != nil {
				<-*until
			}
			if _, err := io.WriteString(conn, line); err != nil {
				break
			}
		}
		hangUp(conn) // and waits until the milter has done so, too
		mta.Close()
	}()
	defer func() {
		mta.Close()
		<-done
	}()
	text := false
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var at Point
		verb := strings.ToUpper(strings.TrimSpace(line))
		switch {
		case text && verb == ".":
			at = AtDot
		case text:
		case strings.HasPrefix(verb, "RCPT TO:"):
			at = AtRecipient
		case verb == "DATA":
			at = AtText
		}
		if at != 0 {
			if b := c.breaks(at); b != nil {
				c.end(b, conn)
				return
			}
			text = at == AtText
		}
		if at == AtDot {
			switch b := c.breaks(AfterDot); {
			case b == nil:
			case b.Hang:
				held.Store(&b.mended)
			default:
				deaf.Store(true)
			}
		}
		if _, err := io.WriteString(mta, line); err != nil {
			return
		}
	}
}

// hangUp says that nothing more comes.
func hangUp(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.CloseWrite() // it may be closed already
	}
}

// join notes which connection stands for which, until the returned function is called.
func (c *Cable) join(conn, mta net.Conn) (leave func()) {
	_, theirs, _ := net.SplitHostPort(conn.RemoteAddr().String()) // a connection over TCP has ports
	_, own, _ := net.SplitHostPort(mta.LocalAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends[own] = theirs
	if len(c.open) == 0 {
		c.unused = make(chan struct{})
	}
	c.open[conn] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ends, own)
		delete(c.open, conn)
		if len(c.open) == 0 {
			close(c.unused)
		}
	}
}

// WaitUnused waits until the milter has ended what it keeps open for its next message.
func (c *Cable) WaitUnused(ctx context.Context, t testing.TB) {
	t.Helper()
	c.mu.Lock()
	unused := c.unused
	c.mu.Unlock()
	select {
	case <-unused:
	case <-ctx.Done():
		t.Fatal(errors.Join(errors.New("the milter does not hang up"), ctx.Err()))
	}
}

// ask handles one connection of Postfix to the milter.
func (c *Cable) ask(conn net.Conn) {
	milter, err := net.Dial("tcp", c.milter)
	if err != nil {
		return
	}
	defer milter.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(conn, milter)
		conn.Close()
	}()
	defer func() {
		milter.Close()
		<-done
	}()
	in := bufio.NewReader(conn)
	if first, err := in.Peek(1); err != nil {
		return
	} else if first[0] == 0 { // the length of a milter's frame
		io.Copy(milter, in)
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(milter, c.translate(line)); err != nil {
			return
		}
	}
}

// translate puts the ends of the milter's connection in the place of the cable's.
func (c *Cable) translate(line string) string {
	name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
	c.mu.Lock()
	defer c.mu.Unlock()
	switch theirs, known := c.ends[value]; {
	case name == "client_port" && known:
		return name + "=" + theirs + "\n"
	case name == "server_port":
		_, port, _ := net.SplitHostPort(c.Addr) // it is what was reserved
		return name + "=" + port + "\n"
	}
	return line
}

// WaitReached waits until the cable has broken.
func (c *Cable) WaitReached(ctx context.Context, t testing.TB) {
	t.Helper()
	select {
	case <-c.Reached:
	case <-ctx.Done():
		t.Fatal(errors.Join(errors.New("the cable did not break"), ctx.Err()))
	}
}
