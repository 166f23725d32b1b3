package localuser

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestOwnerAmong(t *testing.T) {
	client, mta, other := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:25"), netip.MustParseAddrPort("127.0.0.1:3306")
	here := func(uid uint32, remote netip.AddrPort) socket { return socket{client, remote, established, uid, 7} }
	there := func(local netip.AddrPort) socket { return socket{local, client, established, 0, 8} }
	gone := socket{client, mta, 5, 0, 0} // as the kernel shows a socket that no process has any more
	for _, tc := range []struct {
		name string
		all  []socket
		port uint16
		uid  uint32
		err  error
	}{
		{"nothing", nil, 25, 0, errNoSocket},
		{"both ends", []socket{here(5, mta), there(mta)}, 25, 5, nil},
		{"both ends, the MTA's first", []socket{there(mta), here(5, mta)}, 25, 5, nil},
		{"both ends, port not known", []socket{here(5, mta), there(mta)}, 0, 5, nil},
		{"root", []socket{here(0, mta), there(mta)}, 25, 0, nil},
		{"the MTA's end is elsewhere", []socket{here(5, mta)}, 25, 0, errNoSocket},
		{"the client's end is elsewhere", []socket{there(mta)}, 25, 0, errNoSocket},
		{"another server's client", []socket{here(5, other), there(other)}, 25, 0, errNoSocket},
		{"another user's socket with the same port", []socket{here(6, other), there(other), here(5, mta), there(mta)}, 25, 5, nil},
		{"the same, port not known", []socket{here(6, other), there(other), here(5, mta), there(mta)}, 0, 0, errAmbiguous},
		{"own socket with the same port, port not known", []socket{here(5, other), there(other), here(5, mta), there(mta)}, 0, 5, nil},
		{"gone", []socket{gone, there(mta)}, 25, 0, errClosing},
		{"gone, and another user has a socket with the same port", []socket{here(6, other), there(other), gone, there(mta)}, 0, 0, errClosing},
		{"closing", []socket{{client, mta, 4, 5, 7}, there(mta)}, 25, 0, errClosing},
		{"without a process", []socket{{client, mta, established, 0, 0}, there(mta)}, 25, 0, errClosing},
	} {
		if uid, err := ownerAmong(tc.all, client, tc.port); uid != tc.uid || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d, %v; want %d, %v", tc.name, uid, err, tc.uid, tc.err)
		}
	}
}

// pair connects two sockets, the first of which belongs to a user.
func pair(t *testing.T, network, addr string, uid int) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	defer l.Close()
	dialer := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if uid != os.Geteuid() {
				failed = syscall.Fchown(int(fd), uid, -1)
			}
		})
		return errors.Join(err, failed)
	}}
	to := l.Addr().String()
	if host, _, _ := net.SplitHostPort(addr); strings.Contains(host, "%") { // the listener forgets its zone
		to = net.JoinHostPort(host, strconv.Itoa(int(addrPort(l.Addr()).Port())))
	}
	client, err = dialer.Dial(l.Addr().Network(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// TestClient asks the kernel about real sockets, in both ways.
func TestClient(t *testing.T) {
	uid := os.Geteuid()
	if uid == 0 {
		uid = 5 // games, on every Debian
	}
	for _, h := range []*Host{{}, {tables: true}} {
		_, mta := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
		name := h.Name(uint32(uid))
		for _, listen := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp4", "127.0.0.2:0"}, {"tcp6", "[::1]:0"}, {"tcp", ":0"}, {"tcp4", "0.0.0.0:0"}} {
			client, end := pair(t, listen[0], listen[1], uid)
			addr, server := addrPort(end.RemoteAddr()), addrPort(end.LocalAddr())
			nowhere := netip.IPv4Unspecified()
			for _, server := range []netip.AddrPort{server, netip.AddrPortFrom(netip.Addr{}, server.Port()), netip.AddrPortFrom(nowhere, server.Port()), {}} {
				if got, local := h.Client(mta, addr, server); got != name || !local {
					t.Errorf("%s, server %v: %q, %v; want %q", listen, server, got, local, name)
				}
			}
			other := netip.AddrPortFrom(server.Addr(), server.Port()+1)
			if got, local := h.Client(mta, addr, other); got != "" || !local {
				t.Errorf("%s, at another port: %q, %v", listen, got, local)
			}
			// The kernel gives a socket to root when its process has closed it.
			client.Close()
			if got, local := h.Client(mta, addr, server); got != "" || !local {
				t.Errorf("%s, closed: %q, %v", listen, got, local)
			}
		}
		for addr, want := range map[string]bool{"127.0.0.1:1": true, "192.0.2.1:25": false, "[2001:db8::1]:25": false} {
			if got, local := h.Client(mta, netip.MustParseAddrPort(addr), netip.MustParseAddrPort("127.0.0.1:25")); got != "" || local != want {
				t.Errorf("%s: %q, %v", addr, got, local)
			}
		}
		if got, local := h.Client(mta, netip.AddrPort{}, netip.AddrPort{}); got != "" || local {
			t.Errorf("no address: %q, %v", got, local)
		}
	}
}

// TestNothingIsKnown has tables that cannot be read: a client on this host stays one whose user is not known.
func TestNothingIsKnown(t *testing.T) {
	_, mta := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
	addr := addrPort(mta.RemoteAddr())
	dir := t.TempDir()
	for _, table := range []string{"", "1: " + string(kernelHex([]byte{127, 0, 0, 1}, addr.Port())) + " broken\n"} {
		if err := os.WriteFile(filepath.Join(dir, "tcp"), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, local := (&Host{net: dir}).Client(mta, addr, netip.AddrPort{}); got != "" || !local {
			t.Errorf("table %q: %q, %v", table, got, local)
		}
	}
	if got, local := (&Host{net: filepath.Join(dir, "missing")}).Client(mta, addr, netip.AddrPort{}); got != "" || !local {
		t.Errorf("no tables: %q, %v", got, local)
	}
}

// elsewhere is a connection from another host.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func TestMTAElsewhere(t *testing.T) {
	_, server := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
	addr := addrPort(server.RemoteAddr())
	if got, local := new(Host).Client(elsewhere{server}, addr, netip.AddrPort{}); got != "" || local {
		t.Errorf("MTA on another host: %q, %v", got, local)
	}
}

func TestMTABehindUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, server := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
	addr := addrPort(server.RemoteAddr())
	// The kernel remembers in which process the connection began, and a thread may have a network of its own.
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mta, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer mta.Close()
	want := new(Host).Name(uint32(os.Geteuid()))
	if got, local := new(Host).Client(mta, addr, netip.AddrPort{}); got != want || !local {
		t.Errorf("this network: %q, %v; want %q", got, local, want)
	}
	other := (&Host{net: otherNetwork(t)})
	if got, local := other.Client(mta, addr, netip.AddrPort{}); got != "" || local {
		t.Errorf("another network: %q, %v", got, local)
	}
}

// otherNetwork returns the folder with the tables of another network namespace.
func otherNetwork(t *testing.T) string {
	t.Helper()
	type answer struct {
		folder string
		err    error
	}
	ready, done := make(chan answer, 2), make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		err := inOtherNetwork(func() error {
			ready <- answer{folder: filepath.Join("/proc/self/task", strconv.Itoa(syscall.Gettid()), "net")}
			<-done
			return nil
		})
		ready <- answer{err: err}
	}()
	a := <-ready
	if a.err != nil {
		t.Skip("needs root: ", a.err)
	}
	return a.folder
}

// TestLinkLocalClient connects from a link-local address of this host's, whose zone the MTA may leave out.
func TestLinkLocalClient(t *testing.T) {
	uid := os.Geteuid()
	if uid == 0 {
		uid = 5
	}
	addr, found := linkLocal(t)
	if !found {
		t.Skip("no interface has a link-local address")
	}
	for _, h := range []*Host{{}, {tables: true}} {
		_, mta := pair(t, "tcp4", "127.0.0.1:0", os.Geteuid())
		_, end := pair(t, "tcp6", net.JoinHostPort(addr.String(), "0"), uid)
		client, server := addrPort(end.RemoteAddr()), addrPort(end.LocalAddr())
		without := netip.AddrPortFrom(client.Addr().WithZone(""), client.Port())
		for _, client := range []netip.AddrPort{client, without} {
			if got, local := h.Client(mta, client, netip.AddrPortFrom(server.Addr().WithZone(""), server.Port())); got != h.Name(uint32(uid)) || !local {
				t.Errorf("tables %v, %v: %q, %v", h.tables, client, got, local)
			}
		}
		other := netip.AddrPortFrom(without.Addr(), 1)
		if got, local := h.Client(mta, other, server); got != "" || local {
			t.Errorf("tables %v, another host's client: %q, %v", h.tables, got, local)
		}
	}
}

func linkLocal(t *testing.T) (netip.Addr, bool) {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				return prefix.Addr().WithZone(i.Name), true
			}
		}
	}
	return netip.Addr{}, false
}

func TestAssignedAddresses(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": true, "192.0.2.1": false, "2001:db8::1": false} {
		if got := isAssigned(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// TestHostThatBindsAnywhere changes a setting of a network of its own, which takes root.
func TestHostThatBindsAnywhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can have a network of its own")
	}
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	err := inOtherNetwork(func() error {
		// Before, the kernel has no table of local addresses, and takes all for broadcast addresses.
		if err := exec.Command("ip", "link", "set", "lo", "up").Run(); err != nil {
			return err
		}
		for _, addr := range addrs {
			if isOwn(addr) {
				t.Errorf("%s is own", addr)
			}
		}
		for _, family := range []string{"ipv4", "ipv6"} {
			if err := os.WriteFile("/proc/sys/net/"+family+"/ip_nonlocal_bind", []byte("1"), 0o644); err != nil {
				return err
			}
		}
		for _, addr := range addrs {
			if isOwn(addr) {
				t.Errorf("%s is own where every address can be bound", addr)
			}
		}
		return nil
	})
	if err != nil {
		t.Skip(err)
	}
}

// inOtherNetwork calls work on a thread in a network namespace of its own, which ends with the thread. The first thread of
// the process is not taken: its network counts as that of the process, and it does not end.
func inOtherNetwork(work func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		if syscall.Gettid() == os.Getpid() {
			err := inOtherNetwork(work)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := syscall.Unshare(syscall.CLONE_NEWNET)
		if err == nil {
			err = work()
		}
		done <- err
	}()
	return <-done
}
