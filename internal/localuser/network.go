package localuser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// serves reports whether the MTA at the other end of the connection has the same network as this process. That of a
// process that may not be looked at is taken for the same: then its clients must be known.
func (h *Host) serves(mta net.Conn) bool {
	if remote, ok := mta.RemoteAddr().(*net.TCPAddr); ok {
		addr, _ := netip.AddrFromSlice(remote.IP)
		return isOwn(addr.Unmap())
	}
	pid, err := peerProcess(mta)
	if err != nil || pid == 0 {
		return err != nil // 0 is a process of another PID namespace
	}
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return true
	}
	ours, err := os.Stat(filepath.Join(h.folder(), "tcp"))
	return err != nil || os.SameFile(ours, theirs)
}

// peerProcess returns the process that opened a connection over a Unix socket.
func peerProcess(conn net.Conn) (int32, error) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *syscall.Ucred
	var failed error
	err = control.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return 0, err
	}
	return peer.Pid, nil
}

// isOwn reports whether the address is one of this host's own, to which a socket can be bound.
func isOwn(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	if !addr.IsValid() {
		return false
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		return !errors.Is(err, syscall.EADDRNOTAVAIL)
	}
	_ = conn.Close()
	return !bindsAnywhere(addr) || isAssigned(addr)
}

// bindsAnywhere reports whether a socket can be bound to addresses of other hosts, too (ip(7), "ip_nonlocal_bind"), as
// clusters want it that move an address from host to host.
func bindsAnywhere(addr netip.Addr) bool {
	family := "ipv6"
	if addr.Is4() {
		family = "ipv4"
	}
	setting, err := os.ReadFile("/proc/sys/net/" + family + "/ip_nonlocal_bind")
	return err == nil && strings.TrimSpace(string(setting)) != "0"
}

// isAssigned reports whether an interface has the address.
func isAssigned(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap().WithZone("") == addr
	})
}
