package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"sealmilter/internal/store"
)

// BenchmarkRecords records copies as messages side by side do, each waiting for its record to last. "alone" is one
// message at a time; "beside changes of keys" has somebody mark addresses as seen all the while.
func BenchmarkRecords(b *testing.B) {
	for _, bench := range []struct {
		name        string
		parallelism int
		keys        bool
	}{{"alone", 0, false}, {"20 at once", 20, false}, {"20 beside changes of keys", 20, true}} {
		b.Run(bench.name, func(b *testing.B) {
			s := open(b, private(b))
			done, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for i := 0; bench.keys; i++ {
					select {
					case <-done:
						return
					default:
						s.MarkSeen(b.Context(), fmt.Sprintf("r%d@example.net", i), noon)
					}
				}
			}()
			var n atomic.Int64
			one := func() error { return recordOne(b, s, fmt.Sprint(n.Add(1))) }
			b.ResetTimer()
			if bench.parallelism == 0 {
				for b.Loop() {
					if err := one(); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.SetParallelism(bench.parallelism)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := one(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.StopTimer()
			close(done)
			<-stopped
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func recordOne(b *testing.B, s *store.Store, message string) error {
	if err := s.RecordSent(b.Context(), message, []string{"copy"}, noon); err != nil {
		return err
	}
	return s.Flush(b.Context())
}
