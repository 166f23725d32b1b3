package localuser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
)

// Host asks this host's kernel. The zero Host is ready; it is safe for concurrent use.
type Host struct {
	// net is the folder with the tables of the network namespace of this process; "" is the kernel's.
	net string
	// tables has the kernel asked by its tables alone.
	tables bool
}

// Client returns the user whose program is the client of a new SMTP session, and whether the client is a program on this
// host at all. The name is "" if the client is here, but whose it is cannot be told; root's is always [Root].
//
// Mta is the connection on which the MTA speaks of its client, and server the address at which it serves the client, as
// far as that is known. An MTA in another network namespace or on another host means other sockets by the same
// addresses, so nothing is known of its clients.
//
// The answer holds only if the MTA has not yet greeted its client. A client that has read the greeting may hand in all of
// its mail in one go and be gone: nothing is left of its socket then, and another user's may have the same port, towards
// another server. A client that is gone before the greeting gets no mail in.
func (h *Host) Client(mta net.Conn, client, server netip.AddrPort) (name string, local bool) {
	client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port())
	if !client.IsValid() || !h.serves(mta) || !isOwn(client.Addr()) {
		return "", false
	}
	uid, err := h.owner(client, server)
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

// owner returns the user whose socket has the client's address and is connected to the server's, which is one of the
// same namespace.
func (h *Host) owner(client, server netip.AddrPort) (uint32, error) {
	// By link-local addresses the kernel finds a socket only if it is told the interface, which the MTA may not know.
	if server.Port() != 0 && !h.tables && !client.Addr().IsLinkLocalUnicast() {
		uid, err := h.ownerByDiag(client, server)
		switch guessed := !isAddress(server.Addr()); {
		case err == nil, errors.Is(err, errClosing), errors.Is(err, errAmbiguous), errors.Is(err, errNoSocket) && !guessed:
			return uid, err
		}
	}
	uid, err := h.ownerByTables(client, server.Port())
	// The tables are no snapshot: a line may be missed when others come and go while they are read.
	for try := 1; try < 3 && errors.Is(err, errNoSocket); try++ {
		uid, err = h.ownerByTables(client, server.Port())
	}
	return uid, err
}

// ownerByDiag asks for the sockets at both ends. An MTA that does not tell at which of its addresses it serves the client
// is most probably called at the client's own, or at the one for loopback.
func (h *Host) ownerByDiag(client, server netip.AddrPort) (uint32, error) {
	own := server.Addr().Unmap()
	addrs := []netip.Addr{own}
	if !isAddress(own) {
		addrs = []netip.Addr{client.Addr()}
		if loopback := loopbackLike(client.Addr()); loopback != client.Addr() {
			addrs = append(addrs, loopback)
		}
	}
	var all []socket
	for _, addr := range addrs {
		mta := netip.AddrPortFrom(addr, server.Port())
		if addr.Is4() != client.Addr().Is4() {
			continue
		}
		for _, ends := range [][2]netip.AddrPort{{client, mta}, {mta, client}} {
			s, found, err := connection(ends[0], ends[1])
			if err != nil {
				return 0, err
			}
			if found {
				all = append(all, s)
			}
		}
	}
	return ownerAmong(all, client, server.Port())
}

// isAddress reports whether a socket can have the address.
func isAddress(addr netip.Addr) bool { return addr.IsValid() && !addr.IsUnspecified() }

// loopbackLike returns the loopback address of the same family.
func loopbackLike(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// ownerByTables looks in the tables of all sockets, for one that is connected to the port, any port if it is 0.
func (h *Host) ownerByTables(client netip.AddrPort, port uint16) (uint32, error) {
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

func (h *Host) folder() string {
	if h.net != "" {
		return h.net
	}
	return "/proc/self/net"
}
