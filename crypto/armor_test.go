package crypto

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// libraryArmor is what the library makes of it, with the line ends that are asked for.
func libraryArmor(t testing.TB, data []byte, frame armorFrame) []byte {
	var b bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&b, frame.label, nil, frame.checksum)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(append(b.Bytes(), '\n'), []byte("\n"), []byte(frame.eol))
}

// pieceSizes keeps the sizes of what is written to it.
type pieceSizes struct {
	bytes.Buffer
	sizes []int
}

func (p *pieceSizes) Write(b []byte) (int, error) {
	p.sizes = append(p.sizes, len(b))
	return p.Buffer.Write(b)
}

// checkArmor compares with the library, in whatever parts the data come.
func checkArmor(t *testing.T, data []byte, split *rand.Rand) {
	for _, eol := range []string{"\n", "\r\n"} {
		for _, checksum := range []bool{false, true} {
			frame := armorFrame{label: armorPublic, eol: eol, checksum: checksum}
			var got pieceSizes
			e := frame.begin(&got, int64(len(data)))
			room := cap(e.out)
			for rest := data; len(rest) > 0; {
				n := split.IntN(min(len(rest), 1<<split.IntN(18)) + 1)
				e.encode(rest[:n])
				rest = rest[n:]
			}
			e.finish()
			want := libraryArmor(t, data, frame)
			if e.err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%+v: %d octets became %q, want %q, %v", frame, len(data), got.Bytes(), want, e.err)
			}
			if n := frame.size(int64(len(data))); n != int64(len(want)) || e.n != n {
				t.Fatalf("%+v: %d characters, the sizes are %d and %d", frame, len(want), n, e.n)
			}
			if cap(e.out) != room {
				t.Errorf("%+v: for %d octets, the buffer grew from %d to %d", frame, len(data), room, cap(e.out))
			}
			for i, n := range got.sizes {
				if n > armorBuffer+armorSlack || n < armorBuffer && i < len(got.sizes)-1 {
					t.Errorf("%+v: piece %d of %d has %d characters", frame, i+1, len(got.sizes), n)
				}
			}
		}
	}
}

// FuzzArmor has data of all sizes, in the same parts for the same seed.
func FuzzArmor(f *testing.F) {
	f.Add([]byte("a"), uint64(1))
	for n := 46; n < 51; n++ {
		f.Add(bytes.Repeat([]byte{0xfb}, n), uint64(n))
	}
	f.Add(bytes.Repeat([]byte{0xff, 0, 0x3e}, 1000), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) == 0 {
			return // The library writes an empty line.
		}
		checkArmor(t, data, rand.New(rand.NewPCG(seed, 0)))
	})
}

// TestArmorSizes goes over the ends of a line, and of the buffer.
func TestArmorSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 3*armorBuffer)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	for n := 1; n < 2*base64Line+4; n++ {
		checkArmor(t, data[:n], random)
	}
	lines := armorBuffer / (base64Chars + 2) * base64Line
	for n := lines - 150; n < lines+50; n += 10 {
		checkArmor(t, data[:n], random)
	}
	checkArmor(t, data, random)
}

// TestArmorWriteFails has a writer that fails after the first piece: nothing goes to it after that, and who writes learns
// of it.
func TestArmorWriteFails(t *testing.T) {
	w := &failing{after: 1}
	e := armorFrame{label: armorMessage, eol: "\r\n"}.begin(w, 1<<20)
	for range 4 {
		if _, err := e.Write(make([]byte, 20<<10)); err != nil {
			break
		}
	}
	e.finish()
	if e.err != io.ErrShortWrite || w.calls != 2 {
		t.Errorf("%v after %d calls", e.err, w.calls)
	}
}

// failing fails after so many calls.
type failing struct{ after, calls int }

func (f *failing) Write(b []byte) (int, error) {
	if f.calls++; f.calls > f.after {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}
