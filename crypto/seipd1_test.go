package crypto

import (
	"bytes"
	"crypto/aes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestSEIPD1OfTheStandard makes the messages of RFC 9580, appendix A.12, again from their session keys. The random block is
// taken from them.
func TestSEIPD1OfTheStandard(t *testing.T) {
	for _, tc := range []struct {
		cipher          packet.CipherFunction
		sessionKey, msg string
	}{
		{packet.CipherAES128, "01fe16bbacfd1e7b78ef3b865187374f",
			"wycEBwScUvg8J/leUNU1RA7N/zE2AQQVnlL8rSLPP5VlQsunlO+ECxHSPgGYGKY+YJz4u6F+DDlDBOr5NRQXt/KJIf4m4mOlKyC/uqLbpnLJZMnTq3o7" +
				"9GxBTdIdOzhHXfA3pqV4mTzF"},
		{packet.CipherAES192, "27006dae68e509022ce45a14e569e91001c2955af8dfe194",
			"wy8ECAThTKxHFTRZGKli3KNH4UP4AQQVhzLJ2va3FG8/pmpIPd/H/mdoVS5VBLLwF9I+AdJ1Sw56PRYiKZjCvHg+2bnq02s33AJJoyBexBI4QKATFRky" +
				"ez2gldJldRysLVg77Mwwfgl2n/d572WciAM="},
		{packet.CipherAES256, "bbeda55b9aae63dac45d4f49d89dacf4af37fefc13bab2f1f8e18fb74580d8b0",
			"wzcECQS4eJUgIG/3mcaILEJFpmJ8AQQVnZ9l7KtagdClm9UaQ/Z6M/5roklSGpGu623YmaXezGj80j4B+Ku1sgTdJo87X1Wrup7l0wJypZls21Uwd67m" +
				"9koF60eefH/K95D1usliXOEm8ayQJQmZrjf6K6v9PWwqMQ=="},
	} {
		key, err := hex.DecodeString(tc.sessionKey)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := base64.StdEncoding.DecodeString(tc.msg)
		if err != nil {
			t.Fatal(err)
		}
		_, data, err := cutPacket(msg)
		if err != nil {
			t.Fatal(err)
		}
		want := data[2:]
		p, err := packet.Read(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.(*packet.SymmetricallyEncrypted).Decrypt(tc.cipher, key)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil || !bytes.HasSuffix(plain, []byte("Hello, world!")) {
			t.Fatalf("%q, %v", plain, err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		random := make([]byte, aes.BlockSize)
		block.Encrypt(random, random)
		subtle.XORBytes(random, random, want[1:])
		if got := writeSEIPD1(t, tc.cipher, key, random, plain, nil); !bytes.Equal(got, want) {
			t.Errorf("with cipher %d: %x, want %x", tc.cipher, got, want)
		}
	}
}

// cutPacket cuts the first packet off, which has a length of one octet.
func cutPacket(b []byte) (first, rest []byte, err error) {
	n := 2 + int(b[1])
	if b[1] >= 192 || n > len(b) {
		return nil, nil, errFraming
	}
	return b[:n], b[n:], nil
}

// writeSEIPD1 writes the body in parts of random sizes, or at once.
func writeSEIPD1(t *testing.T, use packet.CipherFunction, key, random, plain []byte, split *rand.Rand) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := newSEIPD1(&b, use, key, random, int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(plain)
	for rest := plain; len(rest) > 0; {
		n := len(rest)
		if split != nil {
			n = split.IntN(min(n, 1<<split.IntN(15)) + 1)
		}
		if written, err := s.Write(rest[:n]); err != nil || written != n {
			t.Fatalf("%d of %d octets, %v", written, n, err)
		}
		rest = rest[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain, before) {
		t.Fatal("what was to be encrypted has changed")
	}
	if n := seipd1Size(int64(len(plain))); int64(b.Len()) != n {
		t.Fatalf("%d octets, not %d", b.Len(), n)
	}
	return b.Bytes()
}

// librarySEIPD1 is the body as the library makes it.
func librarySEIPD1(t *testing.T, use packet.CipherFunction, key, random, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	body := &unframed{w: &b}
	w, err := packet.SerializeSymmetricallyEncrypted(body, use, false, packet.CipherSuite{}, key, &packet.Config{Rand: bytes.NewReader(random)})
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || !body.ended() {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkSEIPD1 compares with the library, in whatever parts the data come, and has it decrypt them.
func checkSEIPD1(t *testing.T, plain []byte, split *rand.Rand) {
	t.Helper()
	for _, use := range []packet.CipherFunction{packet.CipherAES128, packet.CipherAES192, packet.CipherAES256} {
		key, random := make([]byte, use.KeySize()), make([]byte, aes.BlockSize)
		for _, b := range [][]byte{key, random} {
			for i := range b {
				b[i] = byte(split.Uint32())
			}
		}
		got := writeSEIPD1(t, use, key, random, plain, split)
		if want := librarySEIPD1(t, use, key, random, plain); !bytes.Equal(got, want) {
			t.Fatalf("with cipher %d, %d octets became %x, want %x", use, len(plain), got, want)
		}
		p, err := rawPacket{tag: tagSEIPD, body: got}.parse()
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.(*packet.SymmetricallyEncrypted).Decrypt(use, key)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := io.ReadAll(r); err != nil || !bytes.Equal(again, plain) || r.Close() != nil {
			t.Fatalf("with cipher %d, %d octets do not come back: %v", use, len(plain), err)
		}
	}
}

// FuzzSEIPD1 has data of all sizes, in the same parts for the same seed.
func FuzzSEIPD1(f *testing.F) {
	f.Add([]byte{}, uint64(1))
	f.Add([]byte("a"), uint64(2))
	f.Add(make([]byte, 13), uint64(3))
	f.Add(bytes.Repeat([]byte("hello "), 5000), uint64(4))
	f.Fuzz(func(t *testing.T, plain []byte, seed uint64) {
		checkSEIPD1(t, plain, rand.New(rand.NewPCG(seed, 0)))
	})
}

// TestSEIPD1Sizes goes over the ends of a block, and of the buffer.
func TestSEIPD1Sizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 5*seipd1Buffer)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	for n := range 3 * aes.BlockSize {
		checkSEIPD1(t, data[:n], random)
		checkSEIPD1(t, data[:seipd1Buffer-2*aes.BlockSize-seipd1Prefix+n], random)
	}
	checkSEIPD1(t, data, random)
}

// TestSEIPD1Refuses asks for what the standard has no room for, or what is not meant: nothing may be written with it.
func TestSEIPD1Refuses(t *testing.T) {
	random := make([]byte, aes.BlockSize)
	for _, tc := range []struct {
		name   string
		cipher packet.CipherFunction
		key    int
		random int
	}{
		{"none", 0, 16, 16},
		{"Triple-DES", packet.Cipher3DES, 24, 16},
		{"CAST5", packet.CipherCAST5, 16, 16},
		{"Camellia-128", 11, 16, 16},
		{"Camellia-256", 13, 32, 16},
		{"no key", packet.CipherAES256, 0, 16},
		{"another cipher's key", packet.CipherAES256, 16, 16},
		{"a short random block", packet.CipherAES128, 16, 8},
		{"no random block", packet.CipherAES128, 16, 0},
	} {
		var b bytes.Buffer
		if _, err := newSEIPD1(&b, tc.cipher, make([]byte, tc.key), random[:tc.random], 10); err == nil || b.Len() > 0 {
			t.Errorf("%s: %d octets, %v", tc.name, b.Len(), err)
		}
	}
}

// TestSEIPD1WriteFails lets each write below fail in turn: the writer learns of it, at the end at the latest.
func TestSEIPD1WriteFails(t *testing.T) {
	m := message{Octets(make([]byte, 100)), Octets(make([]byte, 3*seipd1Buffer))}
	d := &data{message: m, octets: m.Size(), use: suite{cipher: packet.CipherAES128}, sessionKey: make([]byte, 16), random: make([]byte, 16)}
	all := &failing{after: 1 << 20}
	if err := d.writeBody(all); err != nil {
		t.Fatal(err)
	}
	for after := range all.calls {
		w := &failing{after: after}
		if err := d.writeBody(w); err != io.ErrShortWrite || w.calls != after+1 {
			t.Errorf("after %d of %d calls: %v, %d calls", after, all.calls, err, w.calls)
		}
	}
}
