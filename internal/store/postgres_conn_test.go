package store_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// A deadline of the driver is for a context that has ended: a read that begins later must not put it off.
func TestDriversDeadlineHolds(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		far.Write([]byte("x"))
		far.Close()
	}()
	conn := store.ImpatientConn(near, time.Hour)
	if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1)
	if _, err := conn.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	if _, err := conn.Write(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: %v", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(buffer); n != 1 || err != nil {
		t.Errorf("Read after the deadline was taken back: %d, %v", n, err)
	}
}
