package keys_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

const (
	// inUse is how many addresses the benchmarks write to, the same among few certificates and among many. Only they have
	// certificates of their own: making all takes long.
	inUse = 10
	// turn is how many lookups are measured at once.
	turn = 500
)

// BenchmarkLookup measures lookups of pinned addresses with few and with many certificates around them: uncached, as by a
// process that has just started; changed, when another key has changed since; and cached. The cases take turns, and each
// reports the processor time of a lookup (cpu-ns/op) and its ratio to that with the fewest certificates in the median of
// the rounds. What a session-key packet takes, with which the cached lookup competes, is in the table of make bench.
func BenchmarkLookup(b *testing.B) {
	counts := []int{10, 10_000, 100_000}
	var users []*generated
	for i := range inUse {
		users = append(users, newGenerated(b, i))
	}
	var crowds []*crowd
	for _, count := range counts {
		crowds = append(crowds, newCrowd(b, users, count))
	}
	for _, kind := range []struct {
		name      string
		directory func(c *crowd) *keys.Directory
	}{
		{"uncached", func(c *crowd) *keys.Directory { return c.directory(keys.NewLocal(c.store, c.clock.Now)) }},
		{"changed", func(c *crowd) *keys.Directory { return c.directory(c.local) }},
		{"cached", func(c *crowd) *keys.Directory { return c.warm }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			costs := make([][]float64, len(crowds))
			for b.Loop() {
				for i, c := range crowds {
					costs[i] = append(costs[i], c.cost(b, kind.directory))
				}
			}
			first := median(costs[0])
			for i, count := range counts {
				b.ReportMetric(median(costs[i]), fmt.Sprintf("cpu-ns/%d", count))
				b.ReportMetric(median(costs[i])/first, fmt.Sprintf("ratio/%d", count))
			}
		})
	}
}

// crowd is a host with certificates.
type crowd struct {
	*host
	warm  *keys.Directory
	users []mail.Addr
}

func newCrowd(b *testing.B, users []*generated, count int) *crowd {
	b.Helper()
	c := &crowd{host: newHost(b)}
	fill(b, c.host, users, count)
	c.warm = c.directory(c.local)
	for _, u := range users {
		c.users = append(c.users, addr(b, u.address))
		c.look(b, c.warm, len(c.users)-1)
	}
	return c
}

func (c *crowd) look(b *testing.B, d *keys.Directory, user int) {
	if a := d.Lookup(context.Background(), c.users[user%len(c.users)]); a.Status != keys.Found {
		b.Fatal(a)
	}
}

// cost returns what a lookup takes of the processor, in nanoseconds.
func (c *crowd) cost(b *testing.B, directory func(*crowd) *keys.Directory) float64 {
	before := processorTime(b)
	for i := range turn {
		c.look(b, directory(c), i)
	}
	return float64(processorTime(b)-before) / turn
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// generated is a certificate with its address, as the store has it.
type generated struct {
	address, fingerprint string
	blob                 []byte
}

func newGenerated(b *testing.B, i int) *generated {
	b.Helper()
	g := &generated{address: fmt.Sprintf("user%d@example.org", i)}
	cert := generate(b, g.address, 0, 0).Cert()
	g.fingerprint, g.blob = cert.Fingerprint(), cert.Bytes()
	return g
}

// fill stores count certificates with an address each, as an import does, those of the users among them.
func fill(b *testing.B, h *host, users []*generated, count int) {
	b.Helper()
	ctx := b.Context()
	err := h.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		for i := range count {
			g := generated{fmt.Sprintf("other%d@example.org", i), fmt.Sprintf("%040X", i), users[0].blob}
			if each := count / len(users); i%each == 0 && i/each < len(users) {
				g = *users[i/each]
			}
			if err := tx.PutCertificate(ctx, g.fingerprint, g.blob, noon); err != nil {
				return err
			}
			_, err := tx.AddService(ctx, g.fingerprint, "local", uint8(keys.KnownKey), g.address)
			if err = errors.Join(err, tx.MarkSeen(ctx, g.address, noon)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
