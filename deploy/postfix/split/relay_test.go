package split_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// patience bounds a test that waits for something that never comes; fetching packages on a fresh machine included.
const patience = 5 * time.Minute

// relay is a private Postfix with the shipped fragments.
type relay struct {
	*lab.Postfix
	ctx   context.Context
	inner string // the address of the inner listener
	door  *door  // between that and the milter, nil for none
}

// newWorld builds the program and everything that its mail needs beside a Postfix.
func newWorld(t *testing.T, buildFlags ...string) *scenario.World {
	t.Helper()
	return newWorldBefore(t, false, buildFlags...)
}

// newWorldBefore does the same for a next hop that may be without 8BITMIME and SMTPUTF8.
func newWorldBefore(t *testing.T, sevenBit bool, buildFlags ...string) *scenario.World {
	t.Helper()
	return stock.NewWorld(t.Context(), t, stock.Build(t, buildFlags...), sevenBit)
}

// startRelay starts a Postfix for a world, with more lines in its main.cf.
func startRelay(t *testing.T, w *scenario.World, mainCF string) relay {
	t.Helper()
	return start(t, w, mainCF, nil)
}

// startRelayWithDoor does the same with a door between the inner listener and the milter.
func startRelayWithDoor(t *testing.T, w *scenario.World, mainCF string) relay {
	t.Helper()
	d := openDoor(t, w.Listen)
	r := start(t, w, mainCF, d)
	owner, err := r.Command(r.ctx, "postconf", "-h", "mail_owner").Output()
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owner = strings.TrimSpace(string(owner))
	return r
}

func start(t *testing.T, w *scenario.World, mainCF string, d *door) relay {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r := relay{ctx: ctx, inner: labtest.Reserve(t), door: d}
	master := split.MasterCF(w.Listen, w.Reinject, r.inner)
	if d != nil {
		at, end := strings.Index(master, "\n"+r.inner), strings.Index(master, "\n"+w.Reinject)
		master = master[:at] + strings.ReplaceAll(master[at:end], w.Listen, d.addr) + master[end:]
	}
	r.Postfix = labtest.StartPostfix(t.Context(), t, lab.PostfixConfig{
		Relay:  w.Sink.Addr,
		Auth:   w.Auth.Addr,
		Main:   mainCF + split.MainCF(w.Listen, r.inner),
		Master: master,
	})
	return r
}

// noPass makes sure that nothing of a pass has reached a mailbox, nor the name of the way.
func noPass(_ context.Context, t *testing.T, arrived []lab.Delivery) {
	t.Helper()
	for _, d := range arrived {
		for _, trace := range []string{"x-sealmilter", "SEALFRONT", "SEALINNER"} {
			if bytes.Contains(bytes.ToLower(d.Data), []byte(strings.ToLower(trace))) {
				t.Errorf("%s got a message with %q:\n%.2000s", d.To, trace, d.Data)
			}
		}
	}
}

// submit sends a message as alice and wants it to be accepted.
func (r relay) submit(t *testing.T, message string, to ...string) {
	t.Helper()
	labtest.Said(t, "250")(labtest.Submit(r.ctx, t, r.Addr, message, to...))
}

// serve starts the milter and ends it with the test.
func serve(t *testing.T, w *scenario.World, config string) *lab.Process {
	t.Helper()
	return labtest.Serve(t.Context(), t, w, t.Name(), config)
}
