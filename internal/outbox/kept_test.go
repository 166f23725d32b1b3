package outbox

import (
	"bufio"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is an end of a [net.Pipe] that has no descriptor.
type pipe struct{ net.Conn }

func (pipe) SyscallConn() (syscall.RawConn, error) { return nil, errors.New("no descriptor") }

// newPipeSession returns a session, and a channel that is closed when it has said QUIT and got its answer.
func newPipeSession() (*session, <-chan struct{}) {
	here, there := net.Pipe()
	quit := make(chan struct{})
	go func() {
		defer there.Close()
		in := bufio.NewReader(there)
		if line, err := in.ReadString('\n'); err != nil || line != "QUIT\r\n" {
			return
		}
		there.Write([]byte("221 bye\r\n"))
		if _, err := in.ReadByte(); err != nil {
			close(quit)
		}
	}()
	return &session{dialogue: newDialogue(pipe{here}), opened: time.Now()}, quit
}

func ended(quit <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-quit:
		return true
	default:
		return false
	}
}

// TestKeptFor has connections wait for a message in vain.
func TestKeptFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k kept
		s, quit := newPipeSession()
		k.give(s)
		time.Sleep(keptFor - time.Millisecond)
		if ended(quit) {
			t.Fatal("it is ended too early")
		}
		if k.pick() != s || k.pick() != nil {
			t.Fatal("it is not there, or there is another one")
		}
		time.Sleep(time.Hour)
		if ended(quit) {
			t.Fatal("it is ended while it is used")
		}
		s.opened = time.Now()
		k.give(s)
		time.Sleep(keptFor)
		if !ended(quit) || k.pick() != nil {
			t.Error("it is still there")
		}
	})
}

// TestKeptLife has a connection be used all the time.
func TestKeptLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k kept
		s, quit := newPipeSession()
		for range int(keptLife/time.Second) - 1 {
			k.give(s)
			time.Sleep(time.Second)
			if k.pick() != s {
				t.Fatal("it is not there")
			}
		}
		k.give(s)
		time.Sleep(time.Second) // less than it would be kept for
		if !ended(quit) {
			t.Error("it lives on")
		}
		old, quit := newPipeSession()
		time.Sleep(keptLife)
		k.give(old)
		if !ended(quit) {
			t.Error("an old one is kept")
		}
	})
}

// TestMostKept gives back more connections than are kept, and then closes.
func TestMostKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k kept
		var last *session
		var quits []<-chan struct{}
		for range mostKept + 1 {
			s, quit := newPipeSession()
			k.give(s)
			if len(quits) < mostKept {
				last = s
			}
			quits = append(quits, quit)
		}
		for i, quit := range quits {
			if ended(quit) != (i == mostKept) {
				t.Errorf("connection %d is ended: %t", i, i != mostKept)
			}
		}
		if k.pick() != last {
			t.Error("not the one that was used last is taken")
		}
		k.close()
		k.give(last)
		for i, quit := range quits {
			if !ended(quit) {
				t.Errorf("connection %d is not ended", i)
			}
		}
	})
}
