package gate

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// BenchmarkSeal brings messages to many readers from what the client has sent to the last octet of each copy, and by
// turns makes no more than the session-key packets of the same readers. It reports processor time of this process in
// milliseconds, the median of several rounds, and the ratio.
func BenchmarkSeal(b *testing.B) {
	for _, tc := range []struct {
		octets, copies int
		gossip, hidden bool
		body           string
	}{
		{10 << 10, 1, false, false, "plain"},
		{10 << 10, 100, false, false, "plain"},
		{10 << 10, 100, false, false, "latin"},
		{10 << 10, 100, true, false, "plain"},
		{10 << 10, 100, false, true, "plain"},
		{10 << 10, 1000, false, false, "plain"},
		{1 << 20, 100, false, false, "plain"},
		{1 << 20, 100, false, false, "latin"},
	} {
		b.Run(fmt.Sprintf("octets=%d/copies=%d/gossip=%v/hidden=%v/%s", tc.octets, tc.copies, tc.gossip, tc.hidden, tc.body), func(b *testing.B) {
			sealer := &crypto.Sealer{Now: time.Now, Rand: rand.Reader}
			c := *config.Default()
			c.Headers.Gossip = tc.gossip
			g := &Gate{Config: &c, Composer: &pgpmime.Composer{Sealer: sealer, Rand: rand.Reader}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
			plan := &Plan{Author: benchmarkAddr(b, "alice@example.org")}
			signer, err := benchmarkKey(b, plan.Author).Signer(time.Now())
			if err != nil {
				b.Fatal(err)
			}
			plan.signer = signer
			var certs []*crypto.Cert
			var named []string
			for i := range tc.copies {
				to := benchmarkAddr(b, fmt.Sprintf("reader%d@example.net", i))
				certs = append(certs, benchmarkKey(b, to).Cert())
				plan.Decisions = append(plan.Decisions, Decision{To: mail.Recipient{Addr: to, Raw: "<" + to.String() + ">"}, Do: Encrypt, Cert: certs[i]})
				if !tc.hidden || i == 0 {
					named = append(named, to.String())
				}
			}
			line := "The quick brown fox jumps over the lazy dog, which does not mind.\r\n"
			if tc.body == "latin" {
				line = "Die Größe der Übertragung hängt von der Länge ab, ob kurz oder lang.\r\n"
			}
			body := bytes.Repeat([]byte(line), tc.octets/len(line))
			m := &mail.Message{Envelope: &mail.Envelope{Sender: plan.Author}, Body: body, Header: mail.Header{
				{Name: "From", Value: " alice@example.org"}, {Name: "To", Value: " " + strings.Join(named, ",\r\n ")},
				{Name: "Subject", Value: " Hello"}, {Name: "Message-ID", Value: " <1@example.org>"},
				{Name: "Content-Type", Value: " text/plain; charset=utf-8"}}}
			seal := func() error {
				copies, done, err := g.seal(context.Background(), m, plan)
				defer done()
				for _, c := range copies {
					if _, err := c.header.WriteTo(io.Discard); err != nil {
						return err
					}
					if _, err := c.body.WriteTo(io.Discard); err != nil {
						return err
					}
				}
				return err
			}
			packets := func() error {
				_, err := sealer.Encrypt(nil, nil, certs, crypto.EncryptOptions{Share: true, Hidden: true})
				return err
			}
			var alone, whole []float64
			for b.Loop() {
				alone = append(alone, processorTime(b, packets))
				whole = append(whole, processorTime(b, seal))
			}
			slices.Sort(alone)
			slices.Sort(whole)
			b.ReportMetric(alone[len(alone)/2], "ms-packets")
			b.ReportMetric(whole[len(whole)/2], "ms-whole")
			b.ReportMetric(whole[len(whole)/2]/alone[len(alone)/2], "x-packets")
		})
	}
}

func benchmarkAddr(b *testing.B, s string) mail.Addr {
	b.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func benchmarkKey(b *testing.B, of mail.Addr) *crypto.SecretKey {
	b.Helper()
	k, err := crypto.Generate(of, crypto.GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// processorTime is in milliseconds.
func processorTime(b *testing.B, work func() error) float64 {
	b.Helper()
	var before, after syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	if err == nil {
		err = work()
	}
	if err == nil {
		err = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	}
	if err != nil {
		b.Fatal(err)
	}
	return float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / 1e6
}
