package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/gate"
	"sealmilter/keys"
)

const day = 24 * time.Hour

// crowd is a number of recipients whose certificates take some time to look at.
type crowd struct {
	recipients
	size  int
	each  time.Duration
	looks atomic.Int64
	fails atomic.Bool
	rests time.Duration
}

func newCrowd(size int, each time.Duration) *crowd {
	c := &crowd{size: size, each: each}
	c.prospects = func(context.Context) iter.Seq2[keys.Prospect, error] {
		c.looks.Add(1)
		return func(yield func(keys.Prospect, error) bool) {
			if c.fails.Load() {
				yield(keys.Prospect{}, errors.New("no database"))
				return
			}
			for i := range c.size {
				time.Sleep(c.each)
				if !yield(keys.Prospect{Address: fmt.Sprint(i), Source: "wkd"}, nil) {
					return
				}
			}
		}
	}
	c.now = time.Now
	c.rest = func(ctx context.Context, d time.Duration) error {
		c.rests += d
		return rest(ctx, d)
	}
	return c
}

// TestOutlookIsCheap: nobody waits for the look at 100,000 certificates, which leaves the processor to others, and is not
// repeated for each change.
func TestOutlookIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(100_000, 200*time.Microsecond)
		const busy = 20 * time.Second // it takes for all
		began := time.Now()
		for range 100 {
			if c.known(1) != nil || time.Since(began) > 0 {
				t.Fatal("somebody waited")
			}
		}
		time.Sleep(busy)
		if c.known(1) != nil {
			t.Error("it took the whole of a processor")
		}
		time.Sleep(outlookShare * busy)
		found := c.known(1)
		if found == nil || found.sources["wkd"].good != c.size || c.rests < (outlookShare-2)*busy {
			t.Fatalf("%+v after rests of %v", found, c.rests)
		}
		looks := func(after time.Duration, generation, want int64) {
			t.Helper()
			time.Sleep(after)
			c.known(generation)
			synctest.Wait()
			if got := c.looks.Load(); got != want {
				t.Errorf("%d looks, want %d", got, want)
			}
		}
		looks(time.Hour, 1, 1)            // nothing has changed
		looks(0, 2, 2)                    // a key has, long after
		looks(10*time.Minute, 3, 2)       // and another, soon
		looks(outlookFor+time.Hour, 2, 3) // time has passed
		time.Sleep(time.Hour)
	})
}

// TestOutlookThatFails keeps what was known, and is tried again.
func TestOutlookThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(3, 0)
		c.fails.Store(true)
		for range 2 {
			c.known(1)
			synctest.Wait()
		}
		if c.known(1) != nil {
			t.Error("nothing was found")
		}
		synctest.Wait()
		c.fails.Store(false)
		c.known(1)
		synctest.Wait()
		c.fails.Store(true)
		time.Sleep(outlookFor)
		c.known(1)
		synctest.Wait()
		if o := c.known(1); o == nil || o.sources["wkd"].good != 3 {
			t.Errorf("%+v", o)
		}
		synctest.Wait()
	})
}

// TestWarnsOfRecipients has certificates near their end and beyond in the metrics and on the status page, and that of the
// archive in the metrics.
func TestWarnsOfRecipients(t *testing.T) {
	h := newHost(t)
	cert := func(address string, age, lifetime time.Duration) *crypto.Cert {
		secret, err := crypto.Generate(parsed(t, address), crypto.GenerateOptions{Now: time.Now().Add(-age), Rand: rand.Reader, Lifetime: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		return secret.Cert()
	}
	for n, left := range []time.Duration{-2 * day, 3 * day, 10*day + time.Hour, 50 * day, 0} {
		age := 5 * day
		if left == 0 {
			age = 0 // lives for ever
		}
		c := cert(fmt.Sprintf("r%d@example.org", n), age, left+age)
		if err := h.local.Import(t.Context(), bytes.NewReader(c.Bytes()), keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
			t.Fatal(err)
		}
	}
	h.metrics.stock.recipients.rest = func(context.Context, time.Duration) error { return nil }
	done := make(chan struct{})
	look := h.metrics.stock.recipients.prospects
	h.metrics.stock.recipients.prospects = func(ctx context.Context) iter.Seq2[keys.Prospect, error] {
		return func(yield func(keys.Prospect, error) bool) {
			look(ctx)(yield)
			close(done)
		}
	}
	h.metrics.InForce(&gate.Gate{Config: h.config, Archive: cert("archive@example.org", 5*day, 25*day+time.Hour)})
	o := h.options(newPatient().Health)
	pages := o.state // asks as the page does
	New(o)
	<-done
	var text string
	for text = ""; !strings.Contains(text, "sealmilter_recipient_certificates"); text = scrape(h.metrics) {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
	for _, want := range []string{
		`sealmilter_recipient_certificates{source="local",state="expired"} 1`,
		`sealmilter_recipient_certificates{source="local",state="expiring"} 2`,
		`sealmilter_recipient_certificates{source="local",state="good"} 2`,
		`sealmilter_recipient_certificates{source="local",state="unusable"} 0`,
		`sealmilter_recipient_certificate_days_left{source="local"} 2.9`,
		`sealmilter_archive_certificate_usable 1`, `sealmilter_archive_certificate_days_left 20.0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	lint(t, text)
	warnings := pages(t.Context(), time.Now()).Warnings
	first := time.Now().Add(3 * day).UTC().Format(time.DateOnly)
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0].Text, "1 address has a certificate that has expired") ||
		!strings.HasPrefix(warnings[1].Text, "2 addresses have a certificate that expires within 30 days, the first on "+first) {
		t.Errorf("%+v", warnings)
	}
}
