package witness

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kind is what a packet is about. The zero value is none that may come.
type kind uint8

const (
	// greeting is the first packet. It says how to open the ledger.
	greeting kind = iota + 1
	// part has names of copies, and more to come.
	part
	// watch brings a connection, and is the last one about a copy before its final dot.
	watch
	// remember is the last packet about records that are about to be deleted.
	remember
	// forget says that a copy is recorded, or was not sent, or that records may stay deleted.
	forget
)

// packet is one message from the milter to the witness.
type packet struct {
	Kind kind
	// Note is that of the greeting.
	Note []byte `json:",omitempty"`
	// Number tells copies in work from each other.
	Number uint64 `json:",omitempty"`
	Record record `json:",omitzero"`
	// Octets is how many were written to the connection when the final dot is among them.
	Octets uint64 `json:",omitempty"`
}

// record is what is written to the ledger of a copy that the MTA has accepted.
type record struct {
	Message string    `json:",omitempty"`
	Copies  []string  `json:",omitempty"`
	Expires time.Time `json:",omitzero"`
}

// maxPacket bounds a packet in octets, so that many of them fit into the buffer of a socket, and maxNames the names of
// copies in one. Of a notice that tells of many recipients there are several.
const (
	maxPacket = 64 << 10
	maxNames  = 500
)

// send writes a packet, with a file descriptor unless that is none.
func send(conn *net.UnixConn, p packet, descriptor int) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if len(text) > maxPacket {
		return fmt.Errorf("a packet of %d octets", len(text))
	}
	var rights []byte
	if descriptor != none {
		rights = unix.UnixRights(descriptor)
	}
	_, _, err = conn.WriteMsgUnix(text, rights, nil)
	return err
}

// none is no file descriptor.
const none = -1

// receive reads a packet, and the file descriptor that came with it, or none. It is not one of the runtime's files: the
// witness would be woken by all that happens on the connection. The caller closes it, after an error as well. Text has
// room for a packet.
func receive(conn *net.UnixConn, text []byte) (p packet, descriptor int, err error) {
	rights := make([]byte, unix.CmsgSpace(4))
	n, m, flags, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return packet{}, none, err
	}
	descriptor, err = descriptorIn(rights[:m])
	if err != nil {
		return packet{}, descriptor, err
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		return packet{}, descriptor, fmt.Errorf("a packet came in part, flags %#x", flags)
	}
	if err := json.Unmarshal(text[:n], &p); err != nil {
		return packet{}, descriptor, fmt.Errorf("a packet that is none: %w", err)
	}
	return p, descriptor, nil
}

// descriptorIn returns the file descriptor among the control messages of a packet (unix(7), SCM_RIGHTS).
func descriptorIn(rights []byte) (int, error) {
	if len(rights) == 0 {
		return none, nil
	}
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return none, err
	}
	for _, m := range messages {
		descriptors, err := unix.ParseUnixRights(&m)
		if err != nil {
			return none, err
		}
		for _, d := range descriptors { // there is room for one
			return d, nil
		}
	}
	return none, nil
}

// written returns how many octets were written to a TCP connection since it was opened, whether or not they have left.
func written(descriptor int) (uint64, error) {
	info, err := unix.GetsockoptTCPInfo(descriptor, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt TCP_INFO", err)
	}
	return info.Bytes_sent - info.Bytes_retrans + uint64(info.Notsent_bytes), nil
}
