package lab

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Port is a TCP port on 127.0.0.1 that is reserved for one listener of the caller's choice.
//
// A port that was merely found free may be gone before a slow program listens on it. This one stays bound by a
// socket that does not listen: Linux hands such a port to nobody who asks for any free port, and connects from it
// for nobody, but lets a second socket listen on it if both set SO_REUSEADDR. Postfix and [net.Listen] do.
type Port struct {
	// Addr is the address, "127.0.0.1:port".
	Addr string
	fd   int
}

// ReservePort asks the kernel for a free port. The caller closes it when the listener is gone for good.
func ReservePort() (*Port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	addr, err := bindAny(fd)
	if err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	return &Port{Addr: addr, fd: fd}, nil
}

func bindAny(fd int) (string, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return "", err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), nil
}

// portOf returns the port number of an address "127.0.0.1:port".
func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// Close gives the port back.
func (p *Port) Close() error { return syscall.Close(p.fd) }

// Ports are reserved ports that are given back together. The zero Ports are none.
type Ports []*Port

// Reserve reserves a port for each of the addresses, which it sets. What it has got before an error is the caller's to
// close.
func (p *Ports) Reserve(addrs ...*string) error {
	for _, addr := range addrs {
		port, err := ReservePort()
		if err != nil {
			return err
		}
		*p = append(*p, port)
		*addr = port.Addr
	}
	return nil
}

// Close gives the ports back. It may be called again.
func (p *Ports) Close() error {
	var failures []error
	for _, port := range *p {
		failures = append(failures, port.Close())
	}
	*p = nil
	return errors.Join(failures...)
}
