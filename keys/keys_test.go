package keys_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// host is a state directory and what one process has open of it.
type host struct {
	dir        string
	database   string
	clock      *clock
	passphrase []byte // as configured, but see stretch
	exact      bool   // that the passphrase is configured as it stands
	place      keys.SecretPlace
	secretDir  string
	// asked is called when the passphrase is needed, if it is not nil.
	asked   func()
	store   *store.Store
	local   *keys.Local
	senders *keys.Senders
}

func newHost(t testing.TB) *host {
	t.Helper()
	return newHostOn(t, newDatabase)
}

// newBubbleHost returns a host whose database needs no network, for tests with a clock of their own. A bubble of
// synctest makes its own, for what is at work in the database may not come from outside.
func newBubbleHost(t testing.TB) *host {
	t.Helper()
	return newHostOn(t, sqliteFile)
}

func newHostOn(t testing.TB, database func(t testing.TB, dir string) string) *host {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return (&host{dir: dir, database: database(t, dir), secretDir: filepath.Join(dir, "secret"), clock: &clock{t: noon}}).process(t)
}

// process opens the state directory of h again, as another process does.
func (h *host) process(t testing.TB) *host {
	t.Helper()
	s, err := store.Open(t.Context(), h.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := &host{dir: h.dir, database: h.database, clock: h.clock, passphrase: h.passphrase, exact: h.exact, place: h.place, secretDir: h.secretDir, store: s}
	p.local = keys.NewLocal(s, p.clock.Now)
	p.senders = keys.NewSenders(s, p.local, keys.SendersOptions{
		Place: h.place,
		Dir:   h.secretDir,
		Passphrase: func() ([]byte, error) {
			if p.asked != nil {
				p.asked()
			}
			if p.exact || p.passphrase == nil {
				return p.passphrase, nil
			}
			return stretch(p.passphrase), nil
		},
		Now:  p.clock.Now,
		Rand: rand.Reader,
	})
	return p
}

// stretch writes a passphrase many times over. The key that locks a secret key comes from 65 million octets of salt and
// passphrase one after the other, and the race detector makes a hash slow that gets them in small pieces.
func stretch(passphrase []byte) []byte { return bytes.Repeat(passphrase, 500) }

func (h *host) directory(sources ...keys.Source) *keys.Directory {
	return keys.NewDirectory(h.store, sources, keys.Options{Timeout: time.Minute, Now: h.clock.Now})
}

// importer is what [keys.Local] and [keys.Senders] have in common.
type importer interface {
	Import(ctx context.Context, r io.Reader, o keys.ImportOptions, report func(keys.Imported)) error
}

func importAll(t testing.TB, into importer, options keys.ImportOptions, ring ...[]byte) []keys.Imported {
	t.Helper()
	var all []keys.Imported
	report := func(i keys.Imported) { all = append(all, i) }
	if err := into.Import(t.Context(), bytes.NewReader(bytes.Join(ring, nil)), options, report); err != nil {
		t.Fatal(err)
	}
	return all
}

func importOne(t testing.TB, into importer, options keys.ImportOptions, ring []byte) keys.Imported {
	t.Helper()
	all := importAll(t, into, options, ring)
	if len(all) != 1 {
		t.Fatalf("%d keys in the ring: %+v", len(all), all)
	}
	return all[0]
}

func addr(t testing.TB, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// generate makes a secret key that began age ago.
func generate(t testing.TB, address string, age, lifetime time.Duration) *crypto.SecretKey {
	t.Helper()
	key, err := crypto.Generate(addr(t, address), crypto.GenerateOptions{Now: noon.Add(-age), Rand: rand.Reader, Lifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readCert returns the first certificate of a file in testdata.
func readCert(t testing.TB, name string) *crypto.Cert {
	t.Helper()
	ring, err := crypto.ReadKeyring(bytes.NewReader(testdata(t, name)))
	if err != nil || len(ring.Certs) == 0 {
		t.Fatalf("%s: %+v, %v", name, ring, err)
	}
	return ring.Certs[0]
}

// fingerprints returns those of certificates, in order, with a blank between.
func fingerprints(certs []*crypto.Cert) string {
	var all []string
	for _, c := range certs {
		all = append(all, c.Fingerprint())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// sameCert reports whether two certificates have the same primary key. Nil is the same as nil only.
func sameCert(a, b *crypto.Cert) bool { return fingerprint(a) == fingerprint(b) }

func fingerprint(c *crypto.Cert) string {
	if c == nil {
		return "none"
	}
	return c.Fingerprint()
}

// armored returns a certificate or secret key in ASCII armor.
func armored(t testing.TB, key interface{ WriteArmored(io.Writer) error }) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := key.WriteArmored(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mailAddrs(t testing.TB, texts ...string) []mail.Addr {
	t.Helper()
	var addrs []mail.Addr
	for _, s := range texts {
		addrs = append(addrs, addr(t, s))
	}
	return addrs
}

// meaning says which of the three answers an error is.
func meaning(err error) string {
	switch {
	case err == nil:
		return "found"
	case errors.Is(err, keys.ErrNotFound) && errors.Is(err, keys.ErrNoService):
		return "both"
	case errors.Is(err, keys.ErrNotFound):
		return "none"
	case errors.Is(err, keys.ErrNoService):
		return "no service"
	default:
		return "unknown"
	}
}
