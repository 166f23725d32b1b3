package localuser

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// established is the kernel's number for a connection that neither side has begun to close.
const established = 1

// socket is one line of /proc/net/tcp or /proc/net/tcp6.
type socket struct {
	local, remote netip.AddrPort // IPv4 addresses are never mapped into IPv6
	state         uint8
	uid           uint32
	// inode is 0 when no process has the socket any more. The kernel then gives 0 for the uid, too.
	inode uint64
}

var errTable = errors.New("not a line of /proc/net/tcp")

// sockets returns the lines of a table that have addr at one of their ends.
func sockets(table []byte, addr netip.AddrPort) ([]socket, error) {
	var found []socket
	names := spellings(addr)
	for line := range bytes.Lines(table) {
		if !contains(line, names) {
			continue
		}
		s, err := parseSocket(line)
		if err != nil {
			return nil, err
		}
		if s.local == addr || s.remote == addr {
			found = append(found, s)
		}
	}
	return found, nil
}

func contains(line []byte, names [][]byte) bool {
	for _, name := range names {
		if bytes.Contains(line, name) {
			return true
		}
	}
	return false
}

// spellings returns how the tables may write an address and port. Most of their lines are about others, and need not be
// taken apart.
func spellings(addr netip.AddrPort) [][]byte {
	mapped := addr.Addr().As16()
	all := [][]byte{kernelHex(mapped[:], addr.Port())}
	if addr.Addr().Is4() {
		plain := addr.Addr().As4()
		all = append(all, kernelHex(plain[:], addr.Port()))
	}
	return all
}

// kernelHex writes each 32 bits of the address as a number in the machine's own order.
func kernelHex(address []byte, port uint16) []byte {
	var b []byte
	for ; len(address) > 0; address = address[4:] {
		b = fmt.Appendf(b, "%08X", binary.NativeEndian.Uint32(address))
	}
	return fmt.Appendf(b, ":%04X", port)
}

// parseSocket reads one line:
//
//	sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode ...
func parseSocket(line []byte) (socket, error) {
	words := bytes.Fields(line)
	if len(words) < 10 {
		return socket{}, errTable
	}
	local, err := parseAddrPort(words[1])
	if err != nil {
		return socket{}, err
	}
	remote, err := parseAddrPort(words[2])
	if err != nil {
		return socket{}, err
	}
	state, err := strconv.ParseUint(string(words[3]), 16, 8)
	if err != nil {
		return socket{}, errTable
	}
	uid, err := strconv.ParseUint(string(words[7]), 10, 32)
	if err != nil {
		return socket{}, errTable
	}
	inode, err := strconv.ParseUint(string(words[9]), 10, 64)
	if err != nil {
		return socket{}, errTable
	}
	return socket{local, remote, uint8(state), uint32(uid), inode}, nil
}

// parseAddrPort is the inverse of kernelHex.
func parseAddrPort(word []byte) (netip.AddrPort, error) {
	address, port, found := bytes.Cut(word, []byte{':'})
	if !found || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, errTable
	}
	raw := make([]byte, len(address)/2)
	if _, err := hex.Decode(raw, address); err != nil {
		return netip.AddrPort{}, errTable
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	number, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil {
		return netip.AddrPort{}, errTable
	}
	addr, _ := netip.AddrFromSlice(raw) // it has 4 or 16 octets
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
