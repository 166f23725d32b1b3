package admin

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/status"
	"sealmilter/internal/store"
	"sealmilter/internal/witness"
	"sealmilter/keys"
	"sealmilter/milter"
)

// host is a daemon that serves nobody.
type host struct {
	config  *config.Config
	store   *store.Store
	local   *keys.Local
	senders *keys.Senders
	metrics *Metrics
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{config: config.Default()}
	h.config.State = filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(h.config.State, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.store, err = store.Open(t.Context(), filepath.Join(h.config.State, "sealmilter.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.store.Close() })
	h.local = keys.NewLocal(h.store, time.Now)
	h.senders = keys.NewSenders(h.store, h.local, keys.SendersOptions{Place: keys.InFiles, Dir: filepath.Join(h.config.State, "secret"),
		Now: time.Now, Rand: rand.Reader})
	h.metrics = NewMetrics("v1.2.3")
	h.metrics.Observe(h.store, h.local, h.senders, nil)
	server, standby := &milter.Server{}, &witness.Witness{}
	h.metrics.Watch(server, outbox.New("127.0.0.1:1", h.store, time.Now), standby, NewHealth(Parts{Ping: h.store.Ping, Probe: h.store.Probe, WriteFailures: h.store.WriteFailures,
		Passphrase: h.senders.TryPassphrase, Server: server, Witness: standby, Now: time.Now}))
	h.metrics.InForce(&gate.Gate{Config: h.config})
	return h
}

// options are those of the host's pages.
func (h *host) options(health *Health) Options {
	g := &gate.Gate{Config: h.config}
	return Options{
		Version: "v1.2.3", Config: h.config, Current: func() *gate.Gate { return g }, Health: health, Metrics: h.metrics,
		Directory: func(*gate.Gate) *keys.Directory {
			return keys.NewDirectory(h.store, []keys.Source{h.local}, keys.Options{Now: time.Now, Peek: true})
		},
		Certificates: h.local, Senders: h.senders, Recent: event.NewRecent(1),
		Warnings: func(*gate.Gate) []status.Warning { return nil },
		Program:  "sealmilter", Log: slog.New(slog.DiscardHandler), Now: time.Now, Rand: rand.Reader,
	}
}

// importSecret imports a secret key that was made elsewhere, for an address.
func (h *host) importSecret(t *testing.T, address string) {
	t.Helper()
	secret, err := crypto.Generate(parsed(t, address), crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	var ring bytes.Buffer
	if err := secret.WriteArmored(&ring); err != nil {
		t.Fatal(err)
	}
	if err := h.senders.Import(t.Context(), &ring, keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
		t.Fatal(err)
	}
}

func parsed(t *testing.T, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
