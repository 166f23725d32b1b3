package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/internal/mail"
)

// TestKeysFromADirectory walks a certificate in a Web Key Directory through the commands: found, exchanged, in conflict,
// decided about.
func TestKeysFromADirectory(t *testing.T) {
	world := startDirectory(t)
	first, second := world.certificate(t), world.certificate(t)
	world.keys.Publish("example.net", "bob", first.Bytes())

	world.run(t, exitNo, "alice@example.com: none: no source has a key", "keys", "lookup", "alice@example.com")
	world.run(t, exitDone, "bob@example.net: found "+first.Fingerprint(), "keys", "lookup", "bob@example.net")
	world.run(t, exitDone, "", "keys", "refresh")
	world.run(t, exitFailed, "no key is in use", "keys", "refresh", "bob@example.net")
	world.run(t, exitDone, first.Fingerprint()+" is now used for bob@example.net", "keys", "pin", "bob@example.net", first.Fingerprint())
	world.run(t, exitDone, first.Fingerprint()+" unchanged", "keys", "refresh")
	world.run(t, exitDone, "bob@example.net*  wkd", "keys", "list")

	world.keys.Publish("example.net", "bob", second.Bytes())
	world.run(t, exitDone, first.Fingerprint()+" unchanged", "keys", "refresh", "bob@example.net")
	world.run(t, exitDone, "sealmilter keys pin bob@example.net", "keys", "list", "--conflicts")
	world.run(t, exitDone, `"pinned":"`+first.Fingerprint()+`","fingerprint":"`+second.Fingerprint()+`","source":"wkd"`, "keys", "list", "--conflicts", "--json")
	world.run(t, exitDone, "bob@example.net: found "+first.Fingerprint(), "keys", "lookup", "bob@example.net")
	world.run(t, exitFailed, "certificates that wait for a decision: 1", "check") // no MTA is there
	world.run(t, exitDone, second.Fingerprint(), "keys", "pin", "bob@example.net", strings.ToLower(second.Fingerprint()))
	world.run(t, exitDone, "No certificate waits", "keys", "list", "--conflicts")
	world.run(t, exitDone, "bob@example.net: found "+second.Fingerprint(), "keys", "lookup", "bob@example.net")
	world.run(t, exitDone, "chosen anew", "keys", "unpin", "bob@example.net")
	world.run(t, exitFailed, "no key is pinned", "keys", "unpin", "bob@example.net")
	world.run(t, exitDone, "BEGIN PGP PUBLIC KEY BLOCK", "keys", "export", "bob@example.net")
}

// directoryWorld is a configuration whose only directory is that of example.net.
type directoryWorld struct {
	config string
	keys   *lab.WKDServer
}

func startDirectory(t *testing.T) *directoryWorld {
	t.Helper()
	names, err := lab.StartDNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	w := &directoryWorld{config: filepath.Join(t.TempDir(), "sealmilter.toml")}
	if w.keys, err = lab.StartWKD(authority); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.keys.Close() })
	w.keys.AddDomain("example.net", lab.Advanced)
	if err := names.Set(w.keys.Host("example.net"), lab.DNSName{Records: []string{"A 127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	if err := authority.WritePEM(filepath.Join(filepath.Dir(w.config), "authority.pem")); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(w.keys.Addr)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`state = "state"
listen = "unix:none.sock"
reinject = "127.0.0.1:1"
[keys]
sources = ["local", "wkd"]
resolver = %q
private = ["127.0.0.0/8"]
ca_file = "authority.pem"
wkd.port = %s
`, names.Addr, port)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *directoryWorld) certificate(t *testing.T) *crypto.Cert {
	t.Helper()
	bob, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.Generate(bob, crypto.GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return key.Cert()
}

// run executes a command line and fails the test unless it ends with a status and prints a text.
func (w *directoryWorld) run(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	got := run(t.Context(), append(args, "-c", w.config), strings.NewReader(""), &out, &out)
	if got != status || !strings.Contains(out.String(), want) {
		t.Errorf("sealmilter %s: status %d, want %d and %q\n%s", strings.Join(args, " "), got, status, want, out.String())
	}
}
