package crypto_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"sealmilter/crypto"
)

// TestSize has payloads around every limit of the framing, for every suite.
func TestSize(t *testing.T) {
	all := readers(t)
	sender := generate(t, "sender@example.org")
	const chunk = 1 << 18
	for _, n := range []int{0, 1, 100, 191, 192, 500, 8383, 8384, 32 << 10, chunk - 400, chunk, 2*chunk + 1} {
		payload := crypto.Payload{crypto.Octets(make([]byte, n/3)), crypto.Octets(make([]byte, n-n/3))}
		for _, by := range []*crypto.Signer{signer(t, sender), nil} {
			for _, o := range []crypto.EncryptOptions{{}, {Share: true}} {
				copies, err := sealer().Encrypt(payload, by, certs(all), o)
				if err != nil {
					t.Fatal(err)
				}
				for i, c := range copies {
					written, err := c.WriteTo(io.Discard)
					if err != nil || written != c.Size() {
						t.Errorf("%s, %d octets, signed %v, %+v: %d octets, not %d: %v", all[i].name, n, by != nil, o, written, c.Size(), err)
					}
				}
			}
		}
	}
	// The chunks of version 2 count without the packets around the payload.
	for n := chunk - 40; n <= chunk; n++ {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, n))}, nil, certs(all[5:6]), crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if written, err := copies[0].WriteTo(io.Discard); err != nil || written != copies[0].Size() {
			t.Fatalf("%d octets: %d octets, not %d: %v", n, written, copies[0].Size(), err)
		}
	}
}

func TestClasses(t *testing.T) {
	all := readers(t)
	var shelf crypto.Shelf
	texts := make(map[string][]int) // classes of copies, by the data and the octets of it that stand with session-key packets
	for _, hidden := range []bool{false, true} {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, certs(all), crypto.EncryptOptions{Share: true, Hidden: hidden, Shelf: &shelf})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range copies {
			raw := dearmored(t, armored(t, c))
			ps := packets(t, raw)
			data := rawPacket(18, ps[len(ps)-1].Contents)
			text := fmt.Sprintf("%v %d %x", hidden, (len(raw)-len(data))%3, data)
			texts[text] = append(texts[text], c.Class())
		}
	}
	used := make(map[int]bool)
	for _, classes := range texts {
		class := classes[0]
		if alone := len(classes) == 1; alone != (class == 0) || used[class] && !alone || len(slices.Compact(classes)) != 1 {
			t.Errorf("copies with one text have classes %v", classes)
		}
		used[class] = true
	}
	if len(used) < 3 {
		t.Errorf("only classes %v", used)
	}
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, certs(all), crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range copies {
		if c.Class() != 0 {
			t.Error("a copy that shares nothing has a class")
		}
	}
}

// TestOneTextAtATime looks at the heap while the copies of several classes are written: it holds the text of one class
// at most, and none where nothing is shared.
func TestOneTextAtATime(t *testing.T) {
	const size = 1 << 20
	all := append(readers(t), readers(t)...)
	payload := crypto.Payload{crypto.Octets(make([]byte, size))}
	for _, o := range []crypto.EncryptOptions{{}, {Share: true}, {Share: true, Hidden: true}} {
		before := heap()
		copies, err := sealer().Encrypt(payload, nil, certs(all), o)
		if err != nil {
			t.Fatal(err)
		}
		allowed := uint64(size/4 + size*11/8)
		if !o.Share {
			allowed = size / 4
		}
		if grown := heap() - min(before, heap()); grown > size/4 {
			t.Errorf("%+v: %d octets before anything is written", o, grown)
		}
		for _, c := range copies {
			if _, err := c.WriteTo(io.Discard); err != nil {
				t.Fatal(err)
			}
			if grown := heap() - min(before, heap()); grown > allowed {
				t.Errorf("%+v: %d octets", o, grown)
			}
		}
		runtime.KeepAlive(copies)
	}
	runtime.KeepAlive(payload)
}

// heap returns the octets in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestShelfInAnyOrder writes copies of several classes at the same time, each again and again.
func TestShelfInAnyOrder(t *testing.T) {
	all := append(readers(t), readers(t)...)
	text := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{}).Read(text)
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(text)}, nil, certs(all), crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for start := range 4 {
		wg.Go(func() {
			for i := range copies {
				at := (start*5 + i) % len(copies)
				var b bytes.Buffer
				if _, err := copies[at].WriteTo(&b); err != nil {
					t.Error(err)
					return
				}
				if got := open(t, b.Bytes(), all[at].entity, nil); !bytes.Equal(got.payload, text) {
					t.Errorf("%s reads something else", all[at].name)
				}
			}
		})
	}
	wg.Wait()
}

func TestCleared(t *testing.T) {
	all := append(readers(t), readers(t)...)
	for _, o := range []crypto.EncryptOptions{{Shelf: new(crypto.Shelf)}, {Shelf: new(crypto.Shelf), Share: true}} {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, certs(all), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := copies[0].WriteTo(io.Discard); err != nil {
			t.Fatal(err)
		}
		o.Shelf.Clear()
		for i, c := range copies {
			if n, err := c.WriteTo(io.Discard); err == nil {
				t.Errorf("%s: %d octets after the end", all[i].name, n)
			}
		}
	}
}
