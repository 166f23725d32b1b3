package main

import (
	"net"
	"testing"

	"sealmilter/internal/systemd"
)

// TestListenFor opens what the manager has not.
func TestListenFor(t *testing.T) {
	manager := &systemd.Manager{}
	open := func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	if l, err := listenFor(manager, "admin", "admin", "", open); l != nil || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	l, err := listenFor(manager, "admin", "admin", "127.0.0.1:8895", open)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestSameAddress(t *testing.T) {
	four, six := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8894}, &net.TCPAddr{IP: net.IPv6loopback, Port: 8894}
	for _, tc := range []struct {
		is         net.Addr
		configured string
		want       bool
	}{
		{four, "127.0.0.1:8894", true},
		{four, "127.0.0.1:8895", false},
		{four, "127.0.0.2:8894", false},
		{four, "localhost:8894", true},
		{four, "[::1]:8894", false},
		{six, "[::1]:8894", true},
		{four, "8894", false},
		{four, "/run/s", false},
		{&net.UnixAddr{Name: "/run/s", Net: "unix"}, "/run/s", true},
		{&net.UnixAddr{Name: "/run/s", Net: "unix"}, "/run/t", false},
		{&net.UnixAddr{Name: "/run/s", Net: "unix"}, "127.0.0.1:8894", false},
	} {
		if got := sameAddress(tc.is, tc.configured); got != tc.want {
			t.Errorf("%v, %s: %t", tc.is, tc.configured, got)
		}
	}
}
