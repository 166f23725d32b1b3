package keys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// rememberDays is for how many days it counts that somebody has sent an encrypted message: a year, and some more for those
// who write once a year.
const rememberDays = 400

// maxNotes bounds the messages that wait to be noted.
const maxNotes = 256

// Correspondence knows who has sent whom an encrypted message, as far as mail has shown it here: whose program can encrypt
// to a sender has that sender's certificate. What is kept are digests of two addresses of which the reader has a secret key
// here, with the day, for 400 days. It is safe for concurrent use.
type Correspondence struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	notes chan note
}

// note is a message that was encrypted to its readers; the addresses are as [mail.Addr.Key] has them.
type note struct {
	author  string
	readers []string
}

// NewCorrespondence returns the correspondence of a store. What it is told is written by [Correspondence.Run].
func NewCorrespondence(s *store.Store, now func() time.Time, log *slog.Logger) *Correspondence {
	return &Correspondence{store: s, now: now, log: log, notes: make(chan note, maxNotes)}
}

// SentEncrypted notes that an author has sent readers a message that is encrypted to them. It does not wait: what cannot be
// noted is forgotten, and the next message tells it again.
func (c *Correspondence) SentEncrypted(author mail.Addr, readers []mail.Addr) {
	n := note{author: author.Key()}
	for _, reader := range readers {
		n.readers = append(n.readers, reader.Key())
	}
	select {
	case c.notes <- n:
	default:
		event.NotesLost.Log(c.log)
	}
}

// HasEncryptedTo reports whether it is known that a reader has sent an author an encrypted message in the last 400 days.
func (c *Correspondence) HasEncryptedTo(ctx context.Context, reader, author mail.Addr) (bool, error) {
	first, last := countedDays(c.now())
	known, err := c.store.Corresponded(ctx, pairOf(reader.Key(), author.Key()), first, last)
	if err != nil {
		return false, fmt.Errorf("whether %s writes encrypted: %w", reader, err)
	}
	return known, nil
}

// Run writes what is noted, until the context ends, and then what has been noted by then.
func (c *Correspondence) Run(ctx context.Context) {
	w := pairWriter{store: c.store}
	for {
		select {
		case n := <-c.notes:
			c.write(ctx, &w, append(c.waiting(), n))
		case <-ctx.Done():
			c.write(ctx, &w, c.waiting())
			return
		}
	}
}

// write takes some time also when the context has ended.
func (c *Correspondence) write(ctx context.Context, w *pairWriter, notes []note) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := w.write(ctx, notes, dayOf(c.now())); err != nil {
		event.NotesFail.Log(c.log, event.Err(err))
	}
}

// waiting returns the notes that wait.
func (c *Correspondence) waiting() (all []note) {
	for {
		select {
		case n := <-c.notes:
			all = append(all, n)
		default:
			return all
		}
	}
}

// ForgetCorrespondence deletes what is older than 400 days, or with all everything, and returns how many pairs of
// addresses that were.
func ForgetCorrespondence(ctx context.Context, s *store.Store, now time.Time, all bool) (int64, error) {
	first, last := countedDays(now)
	if all {
		first = last + 1
	}
	return s.SweepCorrespondence(ctx, first, last)
}

// pairWriter writes pairs of addresses, each once a day.
type pairWriter struct {
	store *store.Store
	day   int64
	// done has the pairs that are on record for the day.
	done map[string]bool
}

// maxDone bounds the pairs in memory; with more, some are written again.
const maxDone = 100_000

func (w *pairWriter) write(ctx context.Context, notes []note, day int64) error {
	if w.day != day || len(w.done) > maxDone {
		w.day, w.done = day, make(map[string]bool)
	}
	authors := make(map[string][]string) // by reader
	var readers []string
	for _, n := range notes {
		for _, reader := range n.readers {
			if reader == n.author || w.done[pairOf(n.author, reader)] {
				continue
			}
			if authors[reader] == nil {
				readers = append(readers, reader)
			}
			authors[reader] = append(authors[reader], n.author)
		}
	}
	here, err := w.store.SendersAmong(ctx, readers)
	if err != nil {
		return err
	}
	fresh := make(map[string]bool)
	var pairs []string
	for _, reader := range here {
		for _, author := range authors[reader] {
			if pair := pairOf(author, reader); !fresh[pair] {
				fresh[pair] = true
				pairs = append(pairs, pair)
			}
		}
	}
	if err := w.store.PutCorrespondence(ctx, pairs, day); err != nil {
		return err
	}
	for _, pair := range pairs {
		w.done[pair] = true
	}
	return nil
}

// pairOf is what stands for two addresses in the store. No address has the octet 0 in it.
func pairOf(author, reader string) string {
	sum := sha256.Sum256([]byte(author + "\x00" + reader))
	return hex.EncodeToString(sum[:])
}

// dayOf counts days from 1970-01-01.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// countedDays returns the first and the last day that count. A later one is by a clock that has since been put back.
func countedDays(now time.Time) (first, last int64) {
	return dayOf(now) - rememberDays, dayOf(now) + 1
}
