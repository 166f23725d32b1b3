package localuser

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// BenchmarkClient costs what one SMTP session costs more, on a host with as many connections as this one has now.
func BenchmarkClient(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	mta, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer mta.Close()
	addr := mta.RemoteAddr().(*net.TCPAddr).AddrPort()
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(table)/150), "sockets")
	for name, h := range map[string]*Host{"local": {}, "tables": {tables: true}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if name, local := h.Client(mta, addr, mta.LocalAddr().(*net.TCPAddr).AddrPort()); name == "" || !local {
					b.Fatal(name, local)
				}
			}
		})
	}
	b.Run("remote", func(b *testing.B) {
		for b.Loop() {
			if _, local := new(Host).Client(mta, netip.MustParseAddrPort("192.0.2.1:25"), netip.AddrPort{}); local {
				b.Fatal("local")
			}
		}
	})
}
