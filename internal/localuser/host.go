package localuser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Host asks this host's kernel. The zero Host is ready; it is safe for concurrent use.
type Host struct {
	// net is the folder with the tables of the network namespace of this process; "" is the kernel's.
	net string
}

// Client returns the user whose program is the client of a new SMTP session, and whether the client is a program on this
// host at all. The name is "" if the client is here, but whose it is cannot be told; root's is always [Root].
//
// Mta is the connection on which the MTA speaks of its client, and port the one at which it serves the client, 0 if that
// is not known. An MTA in another network namespace or on another host means other sockets by the same addresses, so
// nothing is known of its clients.
//
// The answer holds only if the MTA has not yet greeted its client. A client that has read the greeting may hand in all of
// its mail in one go and be gone: nothing is left of its socket then, and another user's may have the same port, towards
// another server. A client that is gone before the greeting gets no mail in.
func (h *Host) Client(mta net.Conn, client netip.AddrPort, port uint16) (name string, local bool) {
	client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port())
	if !client.IsValid() || !h.serves(mta) || !isOwn(client.Addr()) {
		return "", false
	}
	uid, err := h.owner(client, port)
	// The tables are no snapshot: a line may be missed when others come and go while they are read.
	for try := 1; try < 3 && errors.Is(err, errNoSocket); try++ {
		uid, err = h.owner(client, port)
	}
	switch {
	case err == nil:
		return h.Name(uid), true
	case errors.Is(err, errNoSocket) && client.Addr().IsLinkLocalUnicast():
		// Without its zone, such an address may be another host's as well as an own one.
		return "", false
	}
	return "", true
}

var (
	errNoSocket  = errors.New("no socket has this address")
	errAmbiguous = errors.New("several users' sockets may be meant")
	errClosing   = errors.New("the socket is being closed")
)

// owner returns the user whose socket has the address and is connected to one of the same namespace with that port.
func (h *Host) owner(client netip.AddrPort, port uint16) (uint32, error) {
	var all []socket
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(h.folder(), table))
		if errors.Is(err, os.ErrNotExist) && table == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, fmt.Errorf("read the table of sockets: %w", err)
		}
		found, err := sockets(text, client)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
		all = append(all, found...)
	}
	return ownerAmong(all, client, port)
}

// ownerAmong decides between all sockets that have the client's address at one end. A port may be in use by several
// sockets towards different servers, even by those of different users: all that may be meant must be the same user's.
func ownerAmong(all []socket, client netip.AddrPort, port uint16) (uint32, error) {
	known := false
	var uid uint32
	for _, s := range all {
		if s.local != client || port != 0 && s.remote.Port() != port || !slices.ContainsFunc(all, s.isOtherEndOf) {
			continue
		}
		switch {
		case s.state != established || s.inode == 0:
			return 0, errClosing
		case known && s.uid != uid:
			return 0, errAmbiguous
		}
		known, uid = true, s.uid
	}
	if !known {
		return 0, errNoSocket
	}
	return uid, nil
}

// isOtherEndOf reports whether two sockets are connected with each other.
func (s socket) isOtherEndOf(other socket) bool {
	return s.local == other.remote && s.remote == other.local
}

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

func (h *Host) folder() string {
	if h.net != "" {
		return h.net
	}
	return "/proc/self/net"
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
	return true
}
