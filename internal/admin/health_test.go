package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/outbox"
	"sealmilter/milter"
)

// patient is a daemon whose parts fail as a test wants.
type patient struct {
	*Health
	load              milter.Load
	dead, read, write error
	noWitness         bool
	locked            error
	probes            int
	clock             time.Time
}

func (p *patient) Load() milter.Load           { return p.load }
func (p *patient) Alive(context.Context) error { return p.dead }
func (p *patient) State() (bool, int64)        { return !p.noWitness, 1 }

func newPatient() *patient {
	p := &patient{clock: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}
	p.load = milter.Load{MostInFlight: 1000, Connections: []milter.ConnectionLoad{{Kind: "mail", Open: 1, Most: 100}}}
	p.Health = NewHealth(Parts{
		Ping: func(context.Context) error { return p.read },
		Probe: func(context.Context) (error, error) {
			p.probes++
			return p.read, p.write
		},
		Passphrase: func(context.Context) error { return p.locked },
		Server:     p,
		Witness:    p,
		Now:        func() time.Time { return p.clock },
	})
	return p
}

func askHealth(t *testing.T, p *patient, path string) (int, string) {
	t.Helper()
	r := httptest.NewRecorder()
	soundness(p.Health).ServeHTTP(r, httptest.NewRequest("GET", path, nil))
	return r.Code, r.Body.String()
}

// TestHealth breaks one thing at a time. What is not needed for a message shows in the report alone.
func TestHealth(t *testing.T) {
	broken := errors.New("it is broken")
	for name, tc := range map[string]struct {
		hurt func(*patient)
		// ready and alive are what is wrong, "" for nothing; check is the one that shows it.
		ready, alive, check string
	}{
		"all is well":               {hurt: func(*patient) {}},
		"nothing can be read":       {func(p *patient) { p.read = broken }, "database_read: it is broken", "", "database_read"},
		"nothing can be written":    {func(p *patient) { p.write = broken }, "database_write: it is broken", "", "database_write"},
		"no passphrase":             {func(p *patient) { p.locked = broken }, "passphrase: it is broken", "", "passphrase"},
		"nobody accepts":            {func(p *patient) { p.dead = broken }, "listener: it is broken", "it is broken", "listener"},
		"it is about to end":        {func(p *patient) { p.load.Closing, p.dead = true, broken }, "listener: the daemon is about to end", "", "listener"},
		"the listener for copies":   {func(p *patient) { p.copied(outbox.Failed) }, "", "", "reinject"},
		"the MTA refuses a copy":    {func(p *patient) { p.copied(outbox.Failed); p.copied(outbox.Refused) }, "", "", ""},
		"no witness":                {func(p *patient) { p.noWitness = true }, "", "", "witness"},
		"a configuration refused":   {func(p *patient) { p.refused.Store(true) }, "", "", "configuration"},
		"much in flight":            {func(p *patient) { p.load.InFlight = 950 }, "", "", "room"},
		"many connections":          {func(p *patient) { p.load.Connections[0].Open = 95 }, "", "", "room"},
		"a message without end":     {func(p *patient) { p.load.Stuck = 1 }, "", "", "work"},
		"care goes on":              {func(p *patient) { p.caring.Store(p.clock.Add(-time.Minute).Unix()) }, "", "", ""},
		"care does not come back":   {func(p *patient) { p.caring.Store(p.clock.Add(-2 * time.Hour).Unix()) }, "", "hangs since 2h0m0s", ""},
		"the database does not end": {func(p *patient) { p.read, p.write = ErrHangs, ErrHangs }, "not come back in time", "", "database_read"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient()
			tc.hurt(p)
			for path, want := range map[string]string{"/readyz": tc.ready, "/healthz": tc.alive} {
				status, text := askHealth(t, p, path)
				if want == "" && status != 200 || want != "" && (status != 503 || !strings.Contains(text, want)) {
					t.Errorf("%s: %d %q, want %q", path, status, text, want)
				}
			}
			status, text := askHealth(t, p, "/readyz?verbose")
			var report struct {
				Ready  bool
				Checks []struct {
					Check, Why string
					OK         bool
				}
			}
			if err := json.Unmarshal([]byte(text), &report); err != nil {
				t.Fatal(err)
			}
			if report.Ready != (tc.ready == "") || report.Ready != (status == 200) || len(report.Checks) != 9 {
				t.Errorf("%d %s", status, text)
			}
			for _, c := range report.Checks {
				if bad := c.Check == tc.check; c.OK == bad && !(c.Check == "database_write" && tc.check == "database_read") || c.OK != (c.Why == "") {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// TestProbeIsRemembered has many ask at once, which makes one write to the database.
func TestProbeIsRemembered(t *testing.T) {
	p := newPatient()
	for range 5 {
		askHealth(t, p, "/readyz")
	}
	if p.probes != 1 {
		t.Errorf("the database was asked %d times", p.probes)
	}
	p.write, p.clock = errors.New("the disk is full"), p.clock.Add(probedFor)
	if status, _ := askHealth(t, p, "/readyz"); status != 503 || p.probes != 2 {
		t.Errorf("%d after %d probes", status, p.probes)
	}
}

// TestHangingDatabase has a database that does not answer at all.
func TestHangingDatabase(t *testing.T) {
	p := newPatient()
	p.Probe = func(context.Context) (error, error) { select {} }
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := p.Ready(ctx); err == nil || !strings.Contains(err.Error(), ErrHangs.Error()) {
		t.Error(err)
	}
}
