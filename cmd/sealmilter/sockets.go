package main

import (
	"errors"
	"fmt"
	"net"

	"sealmilter/internal/systemd"
)

// errSockets says what may be handed over.
var errSockets = errors.New("FileDescriptorName= of a socket unit is one of milter, admin and publish")

// listenFor returns the socket that the service manager has opened for one of the daemon's listeners, and opens one where it
// has none. Address is what the configuration has, in the form of a [net.Addr] or empty for none.
func listenFor(manager *systemd.Manager, name, setting, address string, open func() (net.Listener, error)) (net.Listener, error) {
	l, err := manager.Listener(name)
	switch {
	case err != nil:
		return nil, err
	case l == nil && address == "":
		return nil, nil
	case l == nil:
		return open()
	case address != "" && !sameAddress(l.Addr(), address):
		// The mail server, and the program's own commands, would look for it where the configuration says.
		return nil, errors.Join(fmt.Errorf("the socket unit opens %s, and %s says %s; give both the same address", l.Addr(), setting, address), l.Close())
	}
	return l, nil
}

// sameAddress compares the address of a listener with a configured one. A host by its name may be any.
func sameAddress(is net.Addr, configured string) bool {
	tcp, ok := is.(*net.TCPAddr)
	if !ok {
		return is.String() == configured
	}
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port != fmt.Sprint(tcp.Port) {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || ip.Equal(tcp.IP)
}
