package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	failures          int64
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
		WriteFailures: func() int64 { return p.failures },
		Passphrase:    func(context.Context) error { return p.locked },
		Server:        p,
		Witness:       p,
		Now:           func() time.Time { return p.clock },
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

// TestProbeIsRemembered: whoever asks often does not have the database write often, and a write that fails shows at once.
func TestProbeIsRemembered(t *testing.T) {
	p := newPatient()
	asked := func(want error, probes int) {
		t.Helper()
		for range 5 {
			p.probes = 0
			if _, err := p.database(t.Context()); !errors.Is(err, want) || p.probes != probes {
				t.Errorf("%v after %d probes, want %v after %d", err, p.probes, want, probes)
			}
			if want == nil {
				probes = 0
			}
		}
	}
	full := errors.New("the disk is full")
	asked(nil, 1)
	p.clock = p.clock.Add(probedFor - 1)
	asked(nil, 0)
	p.failures++ // that of a message
	p.write = full
	asked(full, 1)
	p.write = nil
	asked(nil, 1)
	p.clock = p.clock.Add(-time.Second) // the clock was set
	asked(nil, 1)
	p.clock = p.clock.Add(probedFor)
	p.write = full
	asked(full, 1)
}

// TestOneQuestionAtATime has many ask at once, whom one answer serves.
func TestOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		answer, probes := make(chan error), 0
		p.Probe = func(context.Context) (error, error) {
			probes++
			return nil, <-answer
		}
		var said atomic.Int64
		full := errors.New("the disk is full")
		for range 100 {
			go func() {
				if _, err := p.database(t.Context()); err == full {
					said.Add(1)
				}
			}()
		}
		synctest.Wait()
		answer <- full
		synctest.Wait()
		if probes != 1 || said.Load() != 100 {
			t.Errorf("%d heard the answer to %d questions", said.Load(), probes)
		}
	})
}

// TestHangingDatabase has a database that does not answer at all. Nobody waits for it but one.
func TestHangingDatabase(t *testing.T) {
	p := newPatient()
	begun := make(chan struct{}, 10)
	p.Probe = func(context.Context) (error, error) { begun <- struct{}{}; select {} }
	ctx, end := context.WithCancel(t.Context())
	end()
	for range 3 {
		if err := p.Ready(ctx); err == nil || !strings.Contains(err.Error(), ErrHangs.Error()) {
			t.Error(err)
		}
	}
	<-begun
	if len(begun) > 0 {
		t.Error("it was asked again")
	}
}

// TestOnlyWhatHangsIsSaidTo: a database that does not answer has used up all the time there was.
func TestOnlyWhatHangsIsSaidTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		end := make(chan struct{})
		p.Probe = func(context.Context) (error, error) { <-end; return nil, nil }
		p.Passphrase = func(ctx context.Context) error { return ctx.Err() }
		p.Server = punctual{p}
		want := "database_read: " + ErrHangs.Error() + "\ndatabase_write: " + ErrHangs.Error() + "\n"
		if status, text := askHealth(t, p, "/readyz"); status != 503 || text != want {
			t.Errorf("%d %q, want %q", status, text, want)
		}
		close(end)
	})
}

// punctual is a server that accepts connections, and has no time for who comes late.
type punctual struct{ *patient }

func (s punctual) Alive(ctx context.Context) error { return ctx.Err() }

// TestOthersSayWhyTheyFail has a database and a passphrase that give up when they are told to, and say so in their own words.
func TestOthersSayWhyTheyFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		away := errors.New("db.example does not answer")
		p.Probe = func(ctx context.Context) (error, error) { <-ctx.Done(); return away, away }
		p.Passphrase = func(ctx context.Context) error { <-ctx.Done(); return nil }
		want := "database_read: " + away.Error() + "\ndatabase_write: " + away.Error() + "\n"
		if status, text := askHealth(t, p, "/readyz"); status != 503 || text != want {
			t.Errorf("%d %q, want %q", status, text, want)
		}
	})
}

// TestHangingPassphrase has a disk hang from which the passphrase is read. All who ask are answered, and one waits for the disk.
func TestHangingPassphrase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		end, tries := make(chan struct{}), 0
		p.Passphrase = func(context.Context) error { tries++; <-end; return nil }
		for range 3 {
			if status, text := askHealth(t, p, "/readyz"); status != 503 || text != "passphrase: "+ErrHangs.Error()+"\n" {
				t.Errorf("%d %q", status, text)
			}
		}
		close(end)
		synctest.Wait()
		if status, text := askHealth(t, p, "/readyz"); status != 200 || tries != 2 {
			t.Errorf("%d %q after %d tries", status, text, tries)
		}
	})
}
