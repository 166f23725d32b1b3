package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/miekg/dns"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/keys"
)

// insideNetwork is set, to the path of dirmngr, in the process that has a network of its own.
const insideNetwork = "SEALMILTER_TEST_DIRMNGR"

// TestGnuPGFindsPublishedKeys has the real gpg find keys as anybody does: by DNS, https and the Web Key Directory. The
// Internet it sees is one that this test makes: a network namespace with a name server and a web server on loopback,
// and a mount namespace with files that name them and the web server's authority.
func TestGnuPGFindsPublishedKeys(t *testing.T) {
	if os.Getenv(insideNetwork) != "" {
		findPublishedKeys(t)
		return
	}
	dirmngr, err := exec.LookPath("dirmngr")
	env := os.Environ()
	if err != nil {
		tree, err := lab.Unpack(t.Context(), os.Stderr, "dirmngr")
		if err != nil {
			t.Fatal(err)
		}
		dirmngr, env = tree.Path("/usr/bin/dirmngr"), tree.Env()
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestGnuPGFindsPublishedKeys$")
	cmd.Env = append(env, insideNetwork+"="+dirmngr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Fatalf("this machine allows no network and mount namespaces, which this test needs: run it as root, or allow user namespaces (%v)", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
}

// findPublishedKeys runs in the namespaces.
func findPublishedKeys(t *testing.T) {
	h := newHostOn(t, sqliteFile)     // no server can be reached from here
	h.clock.advance(time.Since(noon)) // gpg has no other clock
	made := make(map[string]*crypto.SecretKey)
	for _, address := range []string{"Joe.Doe@example.org", "ann@example.net"} {
		key, err := crypto.Generate(addr(t, address), crypto.GenerateOptions{Now: h.clock.Now().Add(-time.Hour), Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		importOne(t, h.senders, keys.ImportOptions{}, armored(t, key))
		made[address] = key
	}
	folder := filepath.Join(t.TempDir(), "public")
	h.publish(t, folder)

	// example.org has a host for the advanced method, example.net none, so that the direct one is used.
	hosts := []string{"openpgpkey.example.org", "example.net"}
	startInternet(t, hosts...)
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(filepath.Join(folder, r.Host))).ServeHTTP(w, r)
	})
	var served atomic.Pointer[http.Handler]
	serveInNamespace(t, hosts, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*served.Load()).ServeHTTP(w, r) }))

	live := http.Handler(keys.NewWKDHandler(h.senders))
	static := http.Handler(files)
	for name, handler := range map[string]*http.Handler{"tree": &static, "handler": &live} {
		served.Store(handler)
		home := newGnuPGHome(t)
		for address, key := range made {
			out, err := home.command(t.Context(), "--auto-key-locate", "clear,nodefault,wkd", "--with-colons", "--locate-keys", address).CombinedOutput()
			if err != nil || !strings.Contains(string(out), key.Fingerprint()) {
				t.Errorf("%s: %s: %v\n%s", name, address, err, out)
			}
		}
		for _, address := range []string{"nobody@example.org", "nobody@example.net"} {
			if out, err := home.command(t.Context(), "--auto-key-locate", "clear,nodefault,wkd", "--locate-keys", address).CombinedOutput(); err == nil {
				t.Errorf("%s: %s was found\n%s", name, address, out)
			}
		}
	}
}

// startInternet brings loopback up, and a name server that knows some hosts there.
func startInternet(t *testing.T, hosts ...string) {
	t.Helper()
	if err := raiseLoopback(); err != nil {
		t.Fatalf("bring up loopback: %v", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("make mounts private: %v", err)
	}
	replaceFile(t, "/etc/resolv.conf", "nameserver 127.0.0.1\n")
	replaceFile(t, "/etc/hosts", "127.0.0.1 localhost\n")

	known := make(map[string]bool)
	for _, host := range hosts {
		known[host+"."] = true
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		name := strings.ToLower(q.Question[0].Name)
		switch {
		case !known[name]:
			m.Rcode = dns.RcodeNameError
		case q.Question[0].Qtype == dns.TypeA:
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(127, 0, 0, 1)}}
		}
		w.WriteMsg(m)
	})
	packets, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: packets, Handler: answer}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
}

// serveInNamespace serves hosts by https, with certificates that the system trusts.
func serveInNamespace(t *testing.T, hosts []string, handler http.Handler) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	replaceFile(t, "/etc/ssl/certs/ca-certificates.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	listener, err := tls.Listen("tcp", "127.0.0.1:443", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// replaceFile puts another content in the place of a file, for this mount namespace.
func replaceFile(t *testing.T, name, content string) {
	t.Helper()
	instead := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(instead, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(instead, name, "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("put another file in the place of %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(name, 0); err != nil {
			t.Errorf("unmount %s: %v", name, err)
		}
	})
}

// raiseLoopback does what "ip link set lo up" does (netdevice(7)).
func raiseLoopback() error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(socket)
	var request struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return errno
	}
	return nil
}
