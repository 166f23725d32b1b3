package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sealmilter/crypto"
)

func armoredCert(t testing.TB, c *crypto.Cert) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteArmored(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReadKeyring reads three keys in all wrappings, with and without something broken beside them.
func TestReadKeyring(t *testing.T) {
	a, b := generate(t, "a@example.org").Cert(), generate(t, "b@example.org").Cert()
	secret := generate(t, "secret@example.org")
	rawSecret, err := secret.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := secret.WriteArmored(&text); err != nil {
		t.Fatal(err)
	}
	rawA, rawB := a.Bytes(), b.Bytes()
	textA, textB, textSecret := armoredCert(t, a), armoredCert(t, b), text.Bytes()
	broken := bytes.Clone(rawA)
	broken[7] = 77 // an algorithm that nobody knows
	crlf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
	unsummed := slices.Concat(textA[:bytes.LastIndex(textA, []byte("\n="))], []byte("\n-----END PGP PUBLIC KEY BLOCK-----\n"))
	message := []byte("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n")
	garbled := bytes.Replace(textA, []byte("\n\n"), []byte("\n\n!!!!"), 1)
	all := "a b secret"
	for _, tc := range []struct {
		name    string
		input   []byte
		want    string
		skipped string
	}{
		{"binary", slices.Concat(rawA, rawB, rawSecret), all, ""},
		{"blocks", slices.Concat(textA, textB, textSecret), all, ""},
		{"text around", slices.Concat([]byte("Hello,\n-----\nmy keys:\n"), textA, []byte("and\n\n"), textB, []byte("\n-- \n"), textSecret, []byte("bye")), all, ""},
		{"CRLF", crlf(slices.Concat(textA, textB, textSecret)), all, ""},
		{"byte order mark", slices.Concat([]byte("\xef\xbb\xbf"), textA, textB, textSecret), all, ""},
		{"no checksum", slices.Concat(unsummed, textB, textSecret), all, ""},
		{"a header", slices.Concat(bytes.Replace(textA, []byte("\n"), []byte("\nComment: mine\n"), 1), textB, textSecret), all, ""},
		{"a broken key between", slices.Concat(rawA, broken, rawB, rawSecret), all, "key 2: it cannot be read"},
		{"a key of nobody", slices.Concat(rawA, packetsUpTo(t, rawB, 1), rawB, rawSecret), all, "key 2 (" + b.Fingerprint() + "): it has no User ID"},
		{"a broken block between", slices.Concat(textA, garbled, textB, textSecret), all, "key 2: "},
		{"a block cut off", slices.Concat(textA, textB[:len(textB)/2], []byte("\n"), textB, textSecret), all, "): the OpenPGP data is damaged: its armor does not end"},
		{"a message between", slices.Concat(textA, message, textB, textSecret), all, `key 2: an armored block "PGP MESSAGE" holds no keys`},
		{"no empty line", slices.Concat(bytes.Replace(textA, []byte("\n\n"), []byte("\n"), 1), textA, textB, textSecret), all,
			`key 1: an armored block "PGP PUBLIC KEY BLOCK" holds no keys`},
		{"cut off", slices.Concat(rawA, rawB, rawSecret, rawA[:len(rawA)-9]), all,
			"key 4 (" + a.Fingerprint() + "): the OpenPGP data is damaged: it ends in the middle of a packet"},
		{"garbage after", slices.Concat(rawA, rawB, rawSecret, []byte("hello")), "a b", "key 3 (" + secret.Fingerprint() +
			"): the OpenPGP data is damaged: no packet begins with the octet 0x68"},
		{"compressed", slices.Concat(rawPacket(8, []byte{1, 2}), rawA, rawB, rawSecret), all, "key 1: a packet of type 8 stands where a key should begin"},
		{"compressed without end", slices.Concat(rawA, []byte{0xa3, 1}, rawB), "", "key 1 (" + a.Fingerprint() + "): the OpenPGP data is damaged: a packet has no length"},
		{"in pieces", slices.Concat(rawA, []byte{0xcd, 0xe0, 'x', 1, 'y'}), "", "comes in pieces"},
		{"a flood", slices.Concat(rawA, bytes.Repeat(rawPacket(17, make([]byte, 1<<16)), 20), rawB, rawSecret), "b secret", "it is larger than 1 MiB"},
		{"a flood of nothing", slices.Concat(rawA, bytes.Repeat([]byte{0xcd, 0}, 1<<18), rawB, rawSecret), "b secret", "it is larger than 1 MiB"},
	} {
		for _, in := range []io.Reader{bytes.NewReader(tc.input), iotest.HalfReader(bytes.NewReader(tc.input))} {
			ring, err := crypto.ReadKeyring(in)
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			var got []string
			for _, c := range ring.Certs {
				got = append(got, c.Addrs()[0].Local())
			}
			for _, k := range ring.Secrets {
				got = append(got, k.Cert().Addrs()[0].Local())
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
			}
			switch {
			case tc.skipped == "" && len(ring.Skipped) > 0:
				t.Errorf("%s: skipped %v", tc.name, ring.Skipped)
			case tc.skipped != "" && (len(ring.Skipped) != 1 || !strings.Contains(ring.Skipped[0].Error(), tc.skipped)):
				t.Errorf("%s: skipped %v, want %q", tc.name, ring.Skipped, tc.skipped)
			}
		}
	}
}

// packetsUpTo returns the first n packets.
func packetsUpTo(t testing.TB, b []byte, n int) []byte {
	t.Helper()
	var out []byte
	for _, p := range packets(t, b)[:n] {
		out = append(out, rawPacket(p.Tag, p.Contents)...)
	}
	return out
}

func TestReadKeyringRefuses(t *testing.T) {
	broken := errors.New("disk on fire")
	good := generate(t, "a@example.org").Cert()
	for _, tc := range []struct {
		name string
		in   io.Reader
		want error
	}{
		{"nothing", strings.NewReader(""), crypto.ErrNoKeys},
		{"text", strings.NewReader("Dear Sir or Madam,\n"), crypto.ErrNoKeys},
		{"quoted", strings.NewReader("> " + strings.ReplaceAll(string(armoredCert(t, good)), "\n", "\n> ")), crypto.ErrNoKeys},
		{"keybox", strings.NewReader("\x00\x00\x00\x20\x01\x01\x00\x02KBXf\x00\x00\x00\x00"), crypto.ErrKeybox},
		{"a broken reader", io.MultiReader(bytes.NewReader(good.Bytes()), iotest.ErrReader(broken)), broken},
		{"a broken reader of text", io.MultiReader(bytes.NewReader(armoredCert(t, good)), iotest.ErrReader(broken)), broken},
		{"a broken reader within", io.MultiReader(bytes.NewReader(armoredCert(t, good)[:200]), iotest.ErrReader(broken)), broken},
	} {
		if _, err := crypto.ReadKeyring(tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// TestLongLines would keep go-crypto's decoder busy for hours.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 1<<20) + "\n"
	key := string(armoredCert(t, generate(t, "a@example.org").Cert()))
	key = long + strings.Replace(key, "\n", "\nComment: "+long, 1) + long
	ring, err := crypto.ReadKeyring(strings.NewReader(key))
	if err != nil || len(ring.Certs) != 1 || len(ring.Skipped) != 0 {
		t.Errorf("%d certificates, %v, %v", len(ring.Certs), ring.Skipped, err)
	}
}

// TestKeysStop breaks out of the sequence at each of its items.
func TestKeysStop(t *testing.T) {
	a := generate(t, "a@example.org").Cert()
	input := slices.Concat(rawPacket(8, []byte{1}), a.Bytes(), a.Bytes(), []byte("x"))
	total := 0
	for range crypto.Keys(bytes.NewReader(input)) {
		total++
	}
	if total != 3 {
		t.Errorf("%d items", total)
	}
	for stop := range total {
		n := 0
		for range crypto.Keys(bytes.NewReader(input)) {
			if n == stop {
				break
			}
			n++
		}
	}
}

// TestLargeKeyring streams a keyring that is far larger than what is kept of it.
func TestLargeKeyring(t *testing.T) {
	raw := generate(t, "a@example.org").Cert().Bytes()
	const copies = 500
	n := 0
	for key, err := range crypto.Keys(io.LimitReader(&endless{piece: raw}, int64(copies*len(raw)))) {
		if err != nil {
			t.Fatal(err)
		}
		if key.Cert == nil || key.Secret != nil {
			t.Fatal("not a certificate")
		}
		n++
	}
	if n != copies {
		t.Errorf("%d keys, want %d", n, copies)
	}
}

// TestBoastfulPacket believes no length before the octets are there.
func TestBoastfulPacket(t *testing.T) {
	raw := generate(t, "a@example.org").Cert().Bytes()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ring, err := crypto.ReadKeyring(bytes.NewReader(append(raw, 0xcd, 255, 255, 255, 255, 255)))
	if _, perr := crypto.ParseCert(append(raw, 0xcd, 255, 255, 255, 255, 255)); perr == nil {
		t.Error("a certificate without its last 4 GiB parses")
	}
	runtime.ReadMemStats(&after)
	if err != nil || len(ring.Certs) != 0 || len(ring.Skipped) != 1 {
		t.Errorf("%d certificates, %v, %v", len(ring.Certs), ring.Skipped, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("took %d MiB", used>>20)
	}
}

type endless struct{ piece, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = e.piece
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func ExampleKeys() {
	for key, err := range crypto.Keys(strings.NewReader("no keys in here")) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(key.Cert.Fingerprint())
	}
	// Output: no OpenPGP key found: neither armored key blocks nor a binary keyring
}
