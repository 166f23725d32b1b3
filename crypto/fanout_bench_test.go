package crypto

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/internal/mail"
)

// BenchmarkFanOut makes the copies of one message for several readers, and by turns what they are measured by: the session-key
// packets alone, which each copy needs anyway, and every copy signed and encrypted by itself with the library. It reports
// processor time of this process in milliseconds, the median of several rounds, and the ratios.
func BenchmarkFanOut(b *testing.B) {
	sender := benchmarkKey(b, "sender@example.org")
	for _, size := range []struct{ octets, copies int }{{10 << 10, 1}, {10 << 10, 20}, {10 << 10, 100}, {1 << 20, 1}, {1 << 20, 100}, {25 << 20, 1}, {25 << 20, 20}} {
		var to []*Cert
		for i := range size.copies {
			to = append(to, benchmarkKey(b, fmt.Sprintf("reader%d@example.org", i)).Cert())
		}
		b.Run(fmt.Sprintf("octets=%d/copies=%d", size.octets, size.copies), func(b *testing.B) {
			by, err := sender.Signer(time.Now())
			if err != nil {
				b.Fatal(err)
			}
			entity, err := benchmarkEntity(sender)
			if err != nil {
				b.Fatal(err)
			}
			octets := make([]byte, size.octets)
			rand.Read(octets)
			s := &Sealer{Now: time.Now, Rand: rand.Reader}
			var packets, ours, library []float64
			for b.Loop() {
				packets = append(packets, processorTime(b, func() error { return onlySessionKeys(s, to) }))
				ours = append(ours, processorTime(b, func() error { return sealAll(s, Octets(octets), by, to) }))
				library = append(library, processorTime(b, func() error { return sealEach(octets, entity, to[:min(len(to), 3)]) }))
			}
			alone, made := median(packets), median(ours)
			each := median(library) / float64(min(len(to), 3)) * float64(len(to))
			b.ReportMetric(alone, "ms-packets")
			b.ReportMetric(made, "ms-ours")
			b.ReportMetric(made/alone, "x-packets")
			b.ReportMetric(each/made, "library/ours")
		})
	}
}

func benchmarkKey(b *testing.B, addr string) *SecretKey {
	b.Helper()
	a, err := mail.ParseAddr(addr)
	if err != nil {
		b.Fatal(err)
	}
	k, err := Generate(a, GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// benchmarkEntity gives a key to the library.
func benchmarkEntity(k *SecretKey) (*openpgp.Entity, error) {
	octets, err := k.Bytes()
	if err != nil {
		return nil, err
	}
	return openpgp.ReadEntity(packet.NewReader(bytes.NewReader(octets)))
}

// onlySessionKeys makes a session-key packet for each reader.
func onlySessionKeys(s *Sealer, to []*Cert) error {
	cfg := s.config()
	readers, err := readersOf(to, EncryptOptions{}, cfg.Now())
	if err != nil {
		return err
	}
	var key [32]byte
	rand.Read(key[:])
	for _, r := range readers {
		if _, err := sessionKeyPackets(r, suite{cipher: packet.CipherAES256}, key[:], cfg); err != nil {
			return err
		}
	}
	return nil
}

// sealAll makes and writes every copy.
func sealAll(s *Sealer, payload Piece, by *Signer, to []*Cert) error {
	copies, err := s.Encrypt(Payload{payload}, by, to, EncryptOptions{Share: true})
	for _, c := range copies {
		if _, err := c.WriteTo(io.Discard); err != nil {
			return err
		}
	}
	return err
}

// sealEach leaves everything to the library, for one reader after the other.
func sealEach(octets []byte, by *openpgp.Entity, to []*Cert) error {
	for _, c := range to {
		w, err := armor.Encode(io.Discard, armorMessage, nil)
		if err != nil {
			return err
		}
		plain, err := openpgp.EncryptWithParams(w, []*openpgp.Entity{c.entity}, nil, &openpgp.EncryptParams{
			Signers: []*openpgp.Entity{by}, Config: &packet.Config{DefaultCipher: packet.CipherAES256}})
		if err != nil {
			return err
		}
		if _, err := io.Copy(plain, bytes.NewReader(octets)); err != nil {
			return err
		}
		if err := plain.Close(); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

// processorTime is in milliseconds.
func processorTime(b *testing.B, work func() error) float64 {
	b.Helper()
	before := rusage(b)
	if err := work(); err != nil {
		b.Fatal(err)
	}
	return float64(rusage(b)-before) / 1e6
}

func rusage(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
