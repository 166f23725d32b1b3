package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config is what a run needs.
type Config struct {
	// Folder is read with all below it.
	Folder string
	// Settings are how messages are composed; nil for [Settings].
	Settings []Setting
	// Importer is the command that is given a file of keys, and a folder for its database, and calls [Import].
	Importer []string
	// Limits are those of one import.
	Limits Limits
	// Workers is how many do their work side by side; 0 means one.
	Workers int
	Now     func() time.Time
	Rand    io.Reader
	// Report is called for each result as soon as it is known, by one goroutine at a time. Progress, if set, is told
	// then how many there are of how many.
	Report   func(Result)
	Progress func(done, total int)
}

// run is one execution.
type run struct {
	Config
	people *people
	// everywhere is the text of an encrypted copy of nothing, without the armor.
	everywhere []byte

	mu    sync.Mutex
	done  int
	total int
}

// A batch is opened at once, since starting gpg takes longer than reading a message. Its copies are in memory.
const (
	batchMessages = 60
	batchOctets   = 2 << 20 // but for the last message
)

// Run judges all that a folder holds. An error means that there is no judgement, such as without gpg.
func Run(ctx context.Context, c Config) (err error) {
	found, err := collect(c.Folder)
	if err != nil {
		return err
	}
	if len(found.messages)+len(found.keys) == 0 {
		return errors.New("the corpus is empty")
	}
	if c.Settings == nil {
		c.Settings = Settings
	}
	r := &run{Config: c, total: len(found.messages) + len(found.keys)}
	if r.people, err = newPeople(ctx, c.Now(), c.Rand); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.people.close()) }()
	if err := r.learn(); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(max(1, c.Workers))
	for rest := found.messages; len(rest) > 0; {
		n, octets := 0, 0
		for n < min(len(rest), batchMessages) && octets < batchOctets {
			octets += len(rest[n].octets)
			n++
		}
		batch := rest[:n]
		rest = rest[n:]
		work.Go(func() error { return r.messages(ctx, batch) })
	}
	for _, path := range found.keys {
		work.Go(func() error { return r.keys(ctx, path) })
	}
	return work.Wait()
}

// learn finds out what every encrypted copy shows.
func (r *run) learn() error {
	for _, setting := range r.Settings {
		nothing, err := r.composeOne([]byte("From: author@corpus.example\r\n\r\n"), setting)
		if err != nil {
			return fmt.Errorf("compose an empty message: %w", err)
		}
		shown, _, _ := bytes.Cut(nothing.copies[1].text, []byte("\r\n\r\n-----BEGIN PGP MESSAGE-----"))
		r.everywhere = append(append(r.everywhere, shown...), "\r\n-----BEGIN PGP MESSAGE-----"...)
	}
	return nil
}

func (r *run) report(result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	r.Report(result)
	if r.Progress != nil {
		r.Progress(r.done, r.total)
	}
}
