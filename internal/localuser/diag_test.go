package localuser

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
)

func TestConnection(t *testing.T) {
	client, server := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
	from, to := addrPort(client.LocalAddr()), addrPort(server.LocalAddr())
	s, found, err := connection(from, to)
	if err != nil || !found || s.local != from || s.remote != to || s.state != established || s.uid != uint32(os.Geteuid()) || s.inode == 0 {
		t.Fatalf("%+v, %v, %v", s, found, err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, ends := range [][2]netip.AddrPort{
		{addrPort(l.Addr()), from}, // the kernel names the listener
		{from, netip.AddrPortFrom(to.Addr(), to.Port()+1)},
		{netip.MustParseAddrPort("192.0.2.1:25"), to},
	} {
		if s, found, err := connection(ends[0], ends[1]); err != nil || found {
			t.Errorf("%v: %+v, %v", ends, s, err)
		}
	}
}

// FuzzParseDiag has answers of the kernel, and what is none.
func FuzzParseDiag(f *testing.F) {
	answer := bytes.Repeat([]byte{0}, diagHeaderSize+diagAnswerSize)
	answer[0], answer[4], answer[diagHeaderSize] = byte(len(answer)), sockDiagByFamily, syscall.AF_INET
	f.Add(answer)
	f.Add(diagRequest(netip.MustParseAddrPort("[::1]:25"), netip.MustParseAddrPort("[::1]:26")))
	f.Add([]byte{20, 0, 0, 0, syscall.NLMSG_ERROR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff})
	f.Add([]byte{16, 0, 0, 0, syscall.NLMSG_ERROR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, found, err := parseDiag(b)
		if err == nil && found && (!s.local.IsValid() || !s.remote.IsValid()) {
			t.Errorf("%q is %+v", b, s)
		}
		if !found && s != (socket{}) {
			t.Errorf("%q is nothing and %+v", b, s)
		}
	})
}
