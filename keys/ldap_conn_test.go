package keys_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

func TestLDAPServerStopsAndStartsAgain(t *testing.T) {
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	server := startSlapd(t, lab.SlapdConfig{Keys: []lab.SlapdKey{ldapKey(t, alice, "Alice <alice@example.org>")}})
	source := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + server.Addr})
	lookup := func(want string) {
		t.Helper()
		if _, err := source.Lookup(t.Context(), addr(t, "alice@example.org")); meaning(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	lookup("found")
	lookup("found")
	if idle := keys.IdleLDAP(source); idle != 1 {
		t.Errorf("%d connections are kept", idle)
	}
	// Between two lookups the kept connection breaks.
	if err := errors.Join(server.Stop(t.Context()), server.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	lookup("found")
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	lookup("unknown")
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	lookup("found")

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { lookup("found") })
	}
	all.Wait()
	if idle := keys.IdleLDAP(source); idle < 1 || idle > 4 {
		t.Errorf("%d connections are kept", idle)
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	if idle := keys.IdleLDAP(source); idle != 0 {
		t.Errorf("%d connections are kept after the end", idle)
	}
}

// breakable is a connection that fails when it is told to, and not before somebody writes.
type breakable struct {
	net.Conn
	broken *atomic.Bool
}

func (b breakable) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	return b.Conn.Write(p)
}

// TestLDAPConnectionIsKept asks that one connection serves many searches, whatever they add up to, and that a lookup
// does not fail because a kept connection does.
func TestLDAPConnectionIsKept(t *testing.T) {
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	long := append(armored(t, alice), bytes.Repeat([]byte("0123456789abcde\n"), 15<<10)...)
	entry := ldapKey(t, alice, "Alice <alice@example.org>")
	entry.Key = long
	server := startSlapd(t, lab.SlapdConfig{Keys: []lab.SlapdKey{entry}})
	var broken []*atomic.Bool
	source := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + server.Addr, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		broken = append(broken, new(atomic.Bool))
		return breakable{conn, broken[len(broken)-1]}, err
	}})
	lookup := func(connections int) {
		t.Helper()
		if certs, err := source.Lookup(t.Context(), addr(t, "alice@example.org")); err != nil || len(certs) != 1 {
			t.Errorf("%d certificates, %v", len(certs), err)
		}
		if len(broken) != connections {
			t.Errorf("%d connections, want %d", len(broken), connections)
		}
	}
	for range 12 {
		lookup(1)
	}
	broken[0].Store(true)
	lookup(2)
	lookup(2)
}

// fakeLDAP is a server that answers every connection's first request with the same octets, once or without end, and
// hangs up. Nil is silence.
func fakeLDAP(t *testing.T, answer []byte, endless bool) (address string, asked <-chan struct{}) {
	t.Helper()
	got := make(chan struct{}, 100)
	server, err := lab.StartServer("tcp", "127.0.0.1:0", func(conn net.Conn) {
		_, err := conn.Read(make([]byte, 4096))
		if err != nil {
			return
		}
		got <- struct{}{}
		if answer == nil {
			conn.Read(make([]byte, 4096)) // until the client goes
		}
		for again := true; again && err == nil; again = endless {
			_, err = conn.Write(answer)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr, got
}

func TestLDAPServerMisbehaves(t *testing.T) {
	entry := searchEntry("cn=x", "pgpKey", bytes.Repeat([]byte("x"), 1000))
	done := ldapMessage(ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultDone, nil, ""))
	for name, tc := range map[string]struct {
		answer  []byte
		endless bool
		want    string
	}{
		"garbage":         {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false, ""},
		"an endless one":  {[]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x04, 0x84, 0x7f, 0xff, 0xff, 0xf0}, true, "more than 2097152 octets"},
		"endless entries": {entry, true, "more than 2097152 octets"},
		"no result code":  {done, false, ""},
		"deep nesting":    {bytes.Repeat([]byte{0x30, 0x80}, 4000), true, "nesting"},
	} {
		address, _ := fakeLDAP(t, tc.answer, tc.endless)
		source := newLDAP(t, keys.LDAPOptions{URL: "ldap://" + address})
		_, err := source.Lookup(t.Context(), addr(t, "alice@example.org"))
		if meaning(err) != "unknown" || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if keys.IdleLDAP(source) != 0 {
			t.Errorf("%s: the connection is kept", name)
		}
	}
}

// ldapMessage encodes a message with the ID of a connection's first request.
func ldapMessage(operation *ber.Packet) []byte {
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(operation)
	return message.Bytes()
}

func searchEntry(dn, attribute string, value []byte) []byte {
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	sequence := func(tag ber.Tag, children ...*ber.Packet) *ber.Packet {
		p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, tag, nil, "")
		for _, child := range children {
			p.AppendChild(child)
		}
		return p
	}
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(text(dn))
	entry.AppendChild(sequence(ber.TagSequence, sequence(ber.TagSequence, text(attribute), sequence(ber.TagSet, text(string(value))))))
	return ldapMessage(entry)
}

func TestLDAPLookupEndsWithItsContext(t *testing.T) {
	for _, scheme := range []string{"ldap", "ldaps", "starttls"} {
		address, asked := fakeLDAP(t, nil, false)
		options := keys.LDAPOptions{URL: "ldap://" + address, StartTLS: scheme == "starttls"}
		if scheme == "ldaps" {
			options.URL = "ldaps://" + address
		}
		source := newLDAP(t, options)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := source.Lookup(ctx, addr(t, "alice@example.org"))
			failed <- err
		}()
		<-asked
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", scheme, err)
		}
		if keys.IdleLDAP(source) != 0 {
			t.Errorf("%s: the connection is kept", scheme)
		}
	}
}
