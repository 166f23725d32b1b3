package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sealmilter/internal/lab/bench/stock"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// The series of key lookups.
const (
	uncached    = "not in memory"
	changed     = "after a change of another key"
	cached      = "in memory"
	openStore   = "opening the store, and the first lookup"
	oneKey      = "a session-key packet"
	askedFor    = 10 // addresses whose keys are looked up
	lookupTurns = 40 // how many are made at least: one costs too little to be measured alone
)

// lookupSeries are in the order in which they cost less and less, the opening of the store apart.
var lookupSeries = []string{uncached, changed, cached, openStore}

// lookups has the number of stored certificates grow.
func (r *run) lookups(ctx context.Context) error {
	c := Case{Table: lookup, Key: commonKeys}
	b := bout{entries: []entry{{Case: c, series: oneKey, part: 1}}}
	for _, n := range r.extent.certificates {
		c.Certificates = n
		for _, series := range lookupSeries {
			b.entries = append(b.entries, entry{Case: c, series: series, part: 1})
		}
	}
	if !r.wanted(b.cases()...) {
		return nil
	}
	p, err := r.known(r.extent.kinds[0])
	if err != nil {
		return err
	}
	if b.entries[0].do, err = sessionKeyPacket(p); err != nil {
		return err
	}
	for i := 1; i < len(b.entries); i += len(lookupSeries) {
		d, err := r.newDatabase(ctx, p, b.entries[i].Certificates)
		if err != nil {
			return err
		}
		for j, do := range []func(context.Context, int) (usage, error){d.uncached, d.changed, d.cached, d.open} {
			b.entries[i+j].do = do
		}
	}
	_, err = r.bout(ctx, b)
	return err
}

// sessionKeyPacket returns what makes one.
func sessionKeyPacket(p *people) (func(ctx context.Context, n int) (usage, error), error) {
	to, err := stock.NewKey(p.recipient(0).Bytes(), time.Now())
	if err != nil {
		return nil, err
	}
	sessionKey := make([]byte, 32)
	return func(_ context.Context, n int) (usage, error) {
		return inProcess(func() error {
			for range n {
				if err := stock.SessionKeyPacket(io.Discard, to, sessionKey, time.Now()); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}

// database is a store with certificates.
type database struct {
	path  string
	store *store.Store
	local *keys.Local
	warm  *keys.Directory
	asked []mail.Addr
}

// newDatabase fills a store. It ends with the run.
func (r *run) newDatabase(ctx context.Context, p *people, certificates int) (*database, error) {
	r.Progress(fmt.Sprintf("storing %d certificates", certificates))
	dir, err := os.MkdirTemp(r.dir, "store-")
	if err != nil {
		return nil, err
	}
	d := &database{path: filepath.Join(dir, "sealmilter.db")}
	if d.store, err = store.Open(ctx, d.path); err != nil {
		return nil, err
	}
	r.close = append(r.close, d.store.Close)
	if err := d.store.UpdateKeys(ctx, func(tx *store.KeyTx) error { return d.fill(ctx, tx, p, certificates, r.Now()) }); err != nil {
		return nil, err
	}
	d.local = keys.NewLocal(d.store, time.Now)
	d.warm = directory(d.store, d.local)
	for i := range min(askedFor, len(p.recipients)) {
		addr, err := mail.ParseAddr(recipientAddress(i))
		if err != nil {
			return nil, err
		}
		if answer := d.warm.Lookup(ctx, addr); answer.Status != keys.Found { // pins it, too
			return nil, fmt.Errorf("the key of %s: %s", addr, answer.Why)
		}
		d.asked = append(d.asked, addr)
	}
	return d, nil
}

// fill stores certificates: those of the people, spread among others which are all the same but for their fingerprints,
// since making so many keys would take long. Nobody asks for the others.
func (d *database) fill(ctx context.Context, tx *store.KeyTx, p *people, certificates int, now time.Time) error {
	own := min(askedFor, len(p.recipients))
	for i := range certificates {
		fingerprint, blob, address := fmt.Sprintf("%040X", i), p.recipient(0).Bytes(), fmt.Sprintf("other%d@example.com", i)
		if each := certificates / own; i%each == 0 && i/each < own {
			cert := p.recipient(i / each)
			fingerprint, blob, address = cert.Fingerprint(), cert.Bytes(), recipientAddress(i/each)
		}
		if err := tx.PutCertificate(ctx, fingerprint, blob, now); err != nil {
			return err
		}
		_, err := tx.AddService(ctx, fingerprint, "local", uint8(keys.KnownKey), address)
		if err = errors.Join(err, tx.MarkSeen(ctx, address, now)); err != nil {
			return err
		}
	}
	return nil
}

// directory is one without an answer in memory.
func directory(s *store.Store, local *keys.Local) *keys.Directory {
	return keys.NewDirectory(s, []keys.Source{local}, keys.Options{Timeout: time.Minute, Now: time.Now})
}

// uncached looks up keys that are only in the store, as those of addresses are that nobody has written to since the start.
func (d *database) uncached(ctx context.Context, n int) (usage, error) {
	return d.look(ctx, n, func() *keys.Directory { return directory(d.store, keys.NewLocal(d.store, time.Now)) })
}

// changed looks up keys whose certificates the local source has had in its hands, while the answers do not count any more.
func (d *database) changed(ctx context.Context, n int) (usage, error) {
	return d.look(ctx, n, func() *keys.Directory { return directory(d.store, d.local) })
}

// cached looks up keys whose answers are in memory.
func (d *database) cached(ctx context.Context, n int) (usage, error) {
	return d.look(ctx, n, func() *keys.Directory { return d.warm })
}

func (d *database) look(ctx context.Context, n int, in func() *keys.Directory) (usage, error) {
	times := max(n, lookupTurns)
	u, err := inProcess(func() error {
		for i := range times {
			addr := d.asked[i%len(d.asked)]
			if answer := in().Lookup(ctx, addr); answer.Status != keys.Found {
				return fmt.Errorf("the key of %s: %s", addr, answer.Why)
			}
		}
		return nil
	})
	return u.scaled(float64(n) / float64(times)), err
}

// open opens the store, as a program does that starts, and looks up one key.
func (d *database) open(ctx context.Context, n int) (usage, error) {
	return inProcess(func() error {
		for range n {
			s, err := store.Open(ctx, d.path)
			if err != nil {
				return err
			}
			answer := directory(s, keys.NewLocal(s, time.Now)).Lookup(ctx, d.asked[0])
			if err := s.Close(); err != nil {
				return err
			}
			if answer.Status != keys.Found {
				return fmt.Errorf("the key of %s: %s", d.asked[0], answer.Why)
			}
		}
		return nil
	})
}
