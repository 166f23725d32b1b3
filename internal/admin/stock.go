package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sealmilter/internal/event"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

const (
	// scrapeTime limits what one scrape may wait for the database.
	scrapeTime = 5 * time.Second
	// stockFor is how long what was counted is shown again although somebody may have changed it without a trace in the
	// generation of keys, such as the files of secret keys.
	stockFor = 5 * time.Minute
	// mostDaysLeft bounds how many senders' keys are shown one by one: those that expire first.
	mostDaysLeft = 20
)

// Observe adds what is counted in the store when somebody asks. Keys are named by what hide makes of their
// fingerprints, as in the log; nil for the fingerprints themselves.
func (m *Metrics) Observe(s *store.Store, local *keys.Local, senders *keys.Senders, hide *event.Hider) {
	m.stock = &stock{store: s, senders: senders, hide: hide, now: time.Now,
		recipients: recipients{prospects: local.Prospects, now: time.Now, rest: rest}}
	m.register(m.stock)
}

// stock counts what lies in the store. Keys are counted anew when they have changed, and not for each scrape.
type stock struct {
	store   *store.Store
	senders *keys.Senders
	hide    *event.Hider // nil to show fingerprints
	now     func() time.Time

	recipients recipients

	mu      sync.Mutex
	counted keyStock
}

// keyStock is what is known of all keys in one generation.
type keyStock struct {
	generation int64
	at         time.Time // zero for nothing
	conflicts  int
	pins       int
	senders    []senderStock
}

// senderStock is one secret key.
type senderStock struct {
	key     string
	expires time.Time // zero if it does not
	// broken says that it cannot be read, or is revoked.
	broken bool
}

var (
	conflictsDesc = prometheus.NewDesc("sealmilter_key_conflicts",
		"Certificates that wait for an administrator's decision: sealmilter keys list --conflicts.", nil, nil)
	pinsDesc       = prometheus.NewDesc("sealmilter_pinned_addresses", "Addresses whose certificate is pinned.", nil, nil)
	recipientsDesc = prometheus.NewDesc("sealmilter_recipient_certificates",
		"Addresses with a certificate, by its source and state: good, expiring (in 30 days), expired, unusable (such as revoked).", []string{"source", "state"}, nil)
	firstDesc = prometheus.NewDesc("sealmilter_recipient_certificate_days_left",
		"Days until the next certificate of a recipient expires that can be used now, by its source.", []string{"source"}, nil)
	senderKeysDesc = prometheus.NewDesc("sealmilter_sender_keys",
		"Senders' secret keys by state: good, expiring (in 30 days), expired, broken (unreadable or revoked).", []string{"state"}, nil)
	daysLeftDesc = prometheus.NewDesc("sealmilter_sender_key_days_left",
		"Days until a sender's key expires, negative after that, for the 20 keys that expire first.", []string{"key"}, nil)
	recordsDesc    = prometheus.NewDesc("sealmilter_ledger_records", "Records of copies in the mail server's queue.", nil, nil)
	unfinishedDesc = prometheus.NewDesc("sealmilter_ledger_unfinished_messages",
		"Messages of which some copies were sent, and whose client is to try again for the others.", nil, nil)
	claimsDesc  = prometheus.NewDesc("sealmilter_ledger_claims", "Messages with several copies that this daemon has in work.", nil, nil)
	sizeDesc    = prometheus.NewDesc("sealmilter_database_size_bytes", "Size of the database.", nil, nil)
	writtenDesc = prometheus.NewDesc("sealmilter_database_last_write_timestamp_seconds",
		"When this daemon has last written to the database; its own health checks count.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (s *stock) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{conflictsDesc, pinsDesc, recipientsDesc, firstDesc, senderKeysDesc, daysLeftDesc, recordsDesc, unfinishedDesc, claimsDesc,
		sizeDesc, writtenDesc} {
		c <- d
	}
}

// Collect implements [prometheus.Collector]. What cannot be read is left out; sealmilter_ready says why.
func (s *stock) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	if known, err := s.keys(ctx); err == nil {
		s.collectKeys(c, known)
		if o := s.recipients.known(known.generation); o != nil {
			s.collectRecipients(c, o)
		}
	}
	now := s.now()
	if l, err := s.store.LedgerStock(ctx, now, outbox.FinishedUntil(now)); err == nil {
		gauge(c, recordsDesc, float64(l.Records))
		gauge(c, unfinishedDesc, float64(l.Unfinished))
		gauge(c, claimsDesc, float64(l.Claims))
	}
	if size, err := s.store.Size(ctx); err == nil {
		gauge(c, sizeDesc, float64(size))
	}
	if at := s.store.Written(); !at.IsZero() {
		gauge(c, writtenDesc, float64(at.UnixMilli())/1000)
	}
}

func (s *stock) collectKeys(c chan<- prometheus.Metric, known keyStock) {
	gauge(c, conflictsDesc, float64(known.conflicts))
	gauge(c, pinsDesc, float64(known.pins))
	states := map[string]int{"good": 0, "expiring": 0, "expired": 0, "broken": 0}
	shown := 0
	for _, k := range known.senders {
		left := k.expires.Sub(s.now())
		if !k.broken && !k.expires.IsZero() && shown < mostDaysLeft {
			shown++
			name := k.key
			if s.hide != nil {
				name = s.hide.Fingerprint(name)
			}
			gauge(c, daysLeftDesc, days(left), name)
		}
		switch {
		case k.broken:
			states["broken"]++
		case k.expires.IsZero() || left > 30*24*time.Hour:
			states["good"]++
		case left > 0:
			states["expiring"]++
		default:
			states["expired"]++
		}
	}
	for state, n := range states {
		gauge(c, senderKeysDesc, float64(n), state)
	}
}

func (s *stock) collectRecipients(c chan<- prometheus.Metric, o *outlook) {
	for source, p := range o.sources {
		gauge(c, recipientsDesc, float64(p.good), source, "good")
		gauge(c, recipientsDesc, float64(p.expiring), source, "expiring")
		gauge(c, recipientsDesc, float64(p.expired), source, "expired")
		gauge(c, recipientsDesc, float64(p.unusable), source, "unusable")
		if !p.first.IsZero() {
			gauge(c, firstDesc, days(p.first.Sub(s.now())), source)
		}
	}
}

// outlook returns what is known of the recipients' certificates, nil for nothing yet.
func (s *stock) outlook(ctx context.Context) *outlook {
	generation, err := s.store.KeyGeneration(ctx)
	if err != nil {
		return nil
	}
	return s.recipients.known(generation)
}

// keys returns what is known of all keys, counted anew if it has changed or was counted long ago.
func (s *stock) keys(ctx context.Context) (keyStock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	generation, err := s.store.KeyGeneration(ctx)
	if err != nil {
		return keyStock{}, err
	}
	if last := s.counted; !last.at.IsZero() && last.generation == generation && s.now().Sub(last.at) < stockFor {
		return last, nil
	}
	next := keyStock{generation: generation, at: s.now()}
	if next.conflicts, err = s.store.CountConflicts(ctx); err != nil {
		return next, err
	}
	if next.pins, err = s.store.CountPins(ctx); err != nil {
		return next, err
	}
	all, err := s.senders.List(ctx)
	if err != nil {
		return next, err
	}
	next.senders = senderStocks(all, s.now())
	s.counted = next
	return next, nil
}

// senderStocks returns each secret key once, whatever the addresses that it serves, those that expire first in front.
func senderStocks(all []keys.SenderKey, now time.Time) []senderStock {
	var some []senderStock
	seen := map[string]bool{}
	for _, key := range all {
		if seen[key.Fingerprint] {
			continue
		}
		seen[key.Fingerprint] = true
		k := senderStock{key: key.Fingerprint, broken: key.Err != nil || key.Revoked != nil}
		if !k.broken {
			k.expires, _ = key.Cert.Expires(now)
		}
		some = append(some, k)
	}
	slices.SortFunc(some, func(a, b senderStock) int {
		return cmp.Or(a.expires.Compare(b.expires), cmp.Compare(a.key, b.key))
	})
	return some
}
