package milter

import (
	"net"
	"net/netip"
	"syscall"
)

// mtaUser returns the local user whose program has opened a connection to the milter, "" if it is not one of this host or
// that cannot be told.
func mtaUser(conn net.Conn, users Users) string {
	local, remote := conn.LocalAddr(), conn.RemoteAddr()
	if client, ok := remote.(*net.TCPAddr); ok {
		server, ok := local.(*net.TCPAddr)
		if !ok {
			return ""
		}
		name, _ := users.Client(conn, unmapped(client), unmapped(server))
		return name
	}
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return ""
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return ""
	}
	var peer *syscall.Ucred
	var failed error
	err = control.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return ""
	}
	return users.Name(peer.Uid)
}

func unmapped(a *net.TCPAddr) netip.AddrPort {
	at := a.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}
