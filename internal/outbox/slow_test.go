package outbox

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowMTA has an MTA take a large text that comes in one piece bit by bit, for much longer than one write may take.
func TestSlowMTA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		line := append(bytes.Repeat([]byte("x"), 70), "\r\n"...)
		whole := bytes.Repeat(line, 20<<20/len(line))
		got := make(chan int)
		go func() {
			defer there.Close()
			n, part := 0, make([]byte, 64<<10)
			for {
				m, err := io.ReadFull(there, part)
				if n += m; err != nil {
					got <- n
					return
				}
				time.Sleep(pieceTimeout / 5)
			}
		}()
		d := newDialogue(pipe{here})
		text := newText(d.out)
		_, err := text.Write(whole)
		if err == nil {
			err = text.end()
		}
		here.Close()
		if n := <-got; err != nil || n != len(whole)+len(finalDot) {
			t.Errorf("%d of %d octets, %v", n, len(whole)+len(finalDot), err)
		}
	})
}

// TestStuckMTA has an MTA take nothing.
func TestStuckMTA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		began := time.Now()
		if err := newDialogue(pipe{here}).say("NOOP"); err == nil || time.Since(began) != pieceTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
