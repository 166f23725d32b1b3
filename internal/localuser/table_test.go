package localuser

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// The lines are of a little-endian machine, as every one that runs these tests.
const (
	header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	tail   = " 00000000:00000000 00:00000000 00000000 "
)

func TestSockets(t *testing.T) {
	table := header +
		"   0: 0100007F:97A1 00000000:0000 0A" + tail + "    0        0 1365002 1 000000003cc44ed5 100 0 0 10 0\n" +
		"   1: 0100007F:9CFE 0100007F:97A1 01" + tail + "    5        0 1365003 1 000000003cc44ed5 20 4 30 10 -1\n" +
		"   2: 0100007F:97A1 0100007F:9CFE 01" + tail + "    0        0 1365004 1 000000003cc44ed5 20 4 30 10 -1\n"
	table6 := header +
		"   0: 0000000000000000FFFF00000100007F:97A1 0000000000000000FFFF00000100007F:9CFE 08" + tail + " 108        0 99 1 0000000000000000 20 4 30 10 -1\n" +
		"   1: 00000000000000000000000001000000:9CFE 00000000000000000000000001000000:0019 01" + tail + " 7        0 100 1 0000000000000000 20 4 30 10 -1\n" +
		"   2: B80D0120000000000000000067452301:9CFE B80D0120000000000000000067452301:0019 01" + tail + " 8        0 101 1 0000000000000000 20 4 30 10 -1\n"
	for _, tc := range []struct {
		table, addr string
		want        []string
	}{
		{table, "127.0.0.1:40190", []string{"127.0.0.1:40190 127.0.0.1:38817 1 5 1365003", "127.0.0.1:38817 127.0.0.1:40190 1 0 1365004"}},
		{table6, "127.0.0.1:40190", []string{"127.0.0.1:38817 127.0.0.1:40190 8 108 99"}},
		{table6, "[::1]:40190", []string{"[::1]:40190 [::1]:25 1 7 100"}},
		{table6, "[2001:db8::123:4567]:25", []string{"[2001:db8::123:4567]:40190 [2001:db8::123:4567]:25 1 8 101"}},
		{table, "127.0.0.1:40191", nil},
		{header, "127.0.0.1:40190", nil},
		{"", "127.0.0.1:40190", nil},
	} {
		found, err := sockets([]byte(tc.table), netip.MustParseAddrPort(tc.addr))
		if err != nil {
			t.Errorf("%s: %v", tc.addr, err)
		}
		var got []string
		for _, s := range found {
			got = append(got, describe(s))
		}
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s: got %q, want %q", tc.addr, got, tc.want)
		}
	}
}

func describe(s socket) string {
	return fmt.Sprintf("%v %v %d %d %d", s.local, s.remote, s.state, s.uid, s.inode)
}

// TestMalformedLine has lines that name the address but cannot be read: then nothing is known.
func TestMalformedLine(t *testing.T) {
	const good = "1: 0100007F:9CFE 0100007F:97A1 01" + tail + " 5 0 1365003 1"
	addr := netip.MustParseAddrPort("127.0.0.1:40190")
	if found, err := sockets([]byte(good), addr); err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	for _, change := range [][2]string{
		{"97A1", "97A1F"},
		{"0100007F:97A1", "0100007F97A1"},
		{"0100007F:97A1", "01007F:97A1"},
		{"0100007F:97A1", "010000ZZ:97A1"},
		{" 01 ", " 1FF "},
		{" 5 0 ", " -5 0 "},
		{" 5 0 ", " 4294967296 0 "},
		{" 1365003 1", ""},
		{" 1365003 ", " x "},
	} {
		line := strings.Replace(good, change[0], change[1], 1)
		if found, err := sockets([]byte(line), addr); err == nil {
			t.Errorf("%q: %v", line, found)
		}
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add("   1: 0100007F:9CFE 0100007F:97A1 01" + tail + " 5 0 1365003 1 000000003cc44ed5 20 4 30 10 -1")
	f.Add(": 0000000000000000FFFF00000100007F:97A1 00000000000000000000000001000000:0019 08 x x x 1 x 2")
	f.Add(header)
	f.Fuzz(func(t *testing.T, line string) {
		s, err := parseSocket([]byte(line))
		if err != nil {
			return
		}
		for _, addr := range []netip.AddrPort{s.local, s.remote} {
			if !addr.IsValid() || addr.Addr().Is4In6() {
				t.Errorf("%q has the address %v", line, addr)
			}
		}
	})
}

// FuzzSpellings looks an address up as the kernel may write it.
func FuzzSpellings(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1}, uint16(25))
	f.Add(netip.IPv6Loopback().AsSlice(), uint16(65535))
	f.Fuzz(func(t *testing.T, raw []byte, port uint16) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		want := netip.AddrPortFrom(addr.Unmap(), port)
		for _, name := range spellings(want) {
			if got, err := parseAddrPort(name); err != nil || got != want {
				t.Errorf("%s is %v, %v; want %v", name, got, err, want)
			}
		}
	})
}
