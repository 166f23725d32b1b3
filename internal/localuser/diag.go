package localuser

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// Numbers and sizes of sock_diag(7), linux/sock_diag.h and linux/inet_diag.h.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	diagRequestSize  = 56 // struct inet_diag_req_v2
	diagAnswerSize   = 72 // struct inet_diag_msg
	diagHeaderSize   = syscall.SizeofNlMsghdr
)

var errDiag = errors.New("not an answer of sock_diag(7)")

// connection asks the kernel for the socket with this local address that is connected with the remote one. It reports
// whether there is one. Unlike the tables that takes no longer when the host has many connections, but it needs both
// addresses, and a unit may not be allowed to ask.
func connection(local, remote netip.AddrPort) (socket, bool, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return socket{}, false, fmt.Errorf("open a netlink socket: %w", err)
	}
	defer func() { _ = syscall.Close(fd) }()
	// The kernel answers before it returns from sending. This is for the case that it does not.
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 1}); err != nil {
		return socket{}, false, err
	}
	if err := syscall.Sendto(fd, diagRequest(local, remote), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return socket{}, false, fmt.Errorf("ask for a socket: %w", err)
	}
	answer := make([]byte, 4096)
	n, from, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return socket{}, false, fmt.Errorf("ask for a socket: %w", err)
	}
	if kernel, ok := from.(*syscall.SockaddrNetlink); !ok || kernel.Pid != 0 {
		return socket{}, false, errDiag
	}
	s, found, err := parseDiag(answer[:n])
	// Without a connection the kernel names a socket that listens at the local address, if there is one.
	if found = found && s.local == local && s.remote == remote; !found {
		return socket{}, false, err
	}
	return s, true, err
}

// diagRequest asks for one socket of any state.
func diagRequest(local, remote netip.AddrPort) []byte {
	b := make([]byte, diagHeaderSize+diagRequestSize)
	native := binary.NativeEndian
	native.PutUint32(b[0:], uint32(len(b)))
	native.PutUint16(b[4:], sockDiagByFamily)
	native.PutUint16(b[6:], syscall.NLM_F_REQUEST)
	request := b[diagHeaderSize:]
	request[0] = syscall.AF_INET6
	if local.Addr().Is4() {
		request[0] = syscall.AF_INET
	}
	request[1] = syscall.IPPROTO_TCP
	native.PutUint32(request[4:], ^uint32(0)) // states
	id := request[8:]
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], local.Addr().AsSlice())
	copy(id[20:36], remote.Addr().AsSlice())
	native.PutUint64(id[40:], ^uint64(0)) // no cookie
	return b
}

// parseDiag reads the answer to a request for one socket, and reports whether it names one.
func parseDiag(b []byte) (s socket, found bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil || len(messages) != 1 {
		return socket{}, false, errDiag
	}
	data := messages[0].Data
	switch messages[0].Header.Type {
	case syscall.NLMSG_ERROR:
		if len(data) < 4 {
			return socket{}, false, errDiag
		}
		if errno := syscall.Errno(-int32(binary.NativeEndian.Uint32(data))); errno != syscall.ENOENT {
			return socket{}, false, fmt.Errorf("ask for a socket: %w", errno)
		}
		return socket{}, false, nil
	case sockDiagByFamily:
	default:
		return socket{}, false, errDiag
	}
	if len(data) < diagAnswerSize {
		return socket{}, false, errDiag
	}
	id := data[4:]
	size := 16
	if data[0] == syscall.AF_INET {
		size = 4
	}
	addr := func(b []byte, port []byte) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[:size]) // it has 4 or 16 octets
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
	}
	return socket{
		local:  addr(id[4:20], id[0:2]),
		remote: addr(id[20:36], id[2:4]),
		state:  data[1],
		uid:    binary.NativeEndian.Uint32(data[64:]),
		inode:  uint64(binary.NativeEndian.Uint32(data[68:])),
	}, true, nil
}
