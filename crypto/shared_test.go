package crypto_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// sharers are certificates whose session-key packets have every length modulo three, some of them alone.
func sharers(t testing.TB) (to []*crypto.Cert, keys []*openpgp.Entity) {
	t.Helper()
	rsa := func(bits int) *packet.Config {
		return at(now.Add(-day), func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, bits })
	}
	x25519 := at(now.Add(-day), func(c *packet.Config) { c.Algorithm = packet.PubKeyAlgoEd25519 })
	for _, e := range []*openpgp.Entity{
		newEntity(t, at(now.Add(-day))), newEntity(t, at(now.Add(-day))),
		newEntity(t, x25519), newEntity(t, x25519),
		newEntity(t, rsa(2048)), newEntity(t, rsa(2056)), // the second is for the phase of RSA-4096
		withSubkeys(t, x25519, packet.PubKeyAlgoX25519),
		withSubkeys(t, at(now.Add(-day)), packet.PubKeyAlgoX25519),
		newEntity(t, v6(now.Add(-day))), newEntity(t, v6(now.Add(-day))),
	} {
		to, keys = append(to, cert(t, e)), append(keys, e)
	}
	return to, keys
}

// TestSharedText has copies of every phase, with others who read them all and without.
func TestSharedText(t *testing.T) {
	to, keys := sharers(t)
	t.Run("of many sizes", func(t *testing.T) { wantWhatAloneWouldBe(t, to, keys) })
	t.Run("read by gpg", func(t *testing.T) { wantGnuPGReads(t, to, keys) })
}

// wantWhatAloneWouldBe has payloads of many sizes: each copy is what it would be if it were armored by itself, and is
// so again.
func wantWhatAloneWouldBe(t *testing.T, to []*crypto.Cert, keys []*openpgp.Entity) {
	// Session keys are encrypted anew for each reader, so the other who reads every copy changes the phases.
	all := [][]*crypto.Cert{nil, {generate(t, "author@example.org").Cert()}, {to[2]}, {to[0], to[5]}}
	const inPiece = 256 << 10 / 66 * 48
	sizes := []int{inPiece - 1, inPiece, inPiece + 1, 2*inPiece - 70, 2*inPiece + 100}
	for n := range 201 {
		sizes = append(sizes, n)
	}
	seen := make(map[string]int)
	for i, n := range sizes {
		payload := crypto.Payload{crypto.Octets(bytes.Repeat([]byte{'x'}, n))}
		to, keys := to, keys
		switch {
		case n > 200:
			to, keys = to[:2], keys[:2]
		case i%3 > 0:
			to, keys = to[3:6], keys[3:6] // of one phase each
		}
		copies, err := sealer().Encrypt(payload, nil, to, crypto.EncryptOptions{Share: true, Also: all[i%len(all)]})
		if err != nil {
			t.Fatal(err)
		}
		classes := make(map[int]int)
		for _, c := range copies {
			classes[c.Class()]++
		}
		for at, c := range copies {
			text := armored(t, c)
			raw := dearmored(t, text)
			ps := packets(t, raw)
			data := ps[len(ps)-1].Contents
			wantTidyArmor(t, text, data[0] == 1)
			if !bytes.Equal(armored(t, c), text) || int64(len(text)) != c.Size() {
				t.Errorf("%d octets: copy %d is another one the second time", n, at)
			}
			if n < 20 {
				if got := open(t, text, keys[at], nil); len(got.payload) != n {
					t.Errorf("%d octets: reader %d reads %d", n, at, len(got.payload))
				}
			}
			front := len(raw) - len(rawPacket(18, data))
			seen[fmt.Sprintf("version %d, phase %d, shared %v", data[0], (3-front%3)%3, classes[c.Class()] > 1 && c.Class() != 0)]++
		}
	}
	for phase := range 3 {
		for _, shared := range []bool{false, true} {
			if name := fmt.Sprintf("version 1, phase %d, shared %v", phase, shared); seen[name] == 0 {
				t.Errorf("no copy has %s: %v", name, seen)
			}
		}
	}
	if seen["version 2, phase 0, shared true"] == 0 {
		t.Errorf("no copy shares version 2 data: %v", seen)
	}
}

// TestFormTellsNothing has a copy look the same whether others have one or not: nobody in Bcc learns of anybody else there.
func TestFormTellsNothing(t *testing.T) {
	sender := generate(t, "sender@example.org")
	// Those of the new format have other phases than those of the old one.
	x25519 := at(now.Add(-day), func(c *packet.Config) { c.Algorithm = packet.PubKeyAlgoEd25519 })
	others := append(generateMany(t, 3), cert(t, newEntity(t, x25519)), cert(t, newEntity(t, x25519)))
	for _, c := range []*crypto.Cert{others[0], others[3]} {
		var forms []string
		for _, to := range [][]*crypto.Cert{{c}, append([]*crypto.Cert{c}, others...)} {
			for _, share := range []bool{false, true} {
				copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, 1000))}, signer(t, sender), to, crypto.EncryptOptions{Hidden: true, Share: share})
				if err != nil {
					t.Fatal(err)
				}
				var form []int
				for line := range bytes.Lines(armored(t, copies[0])) {
					form = append(form, len(line))
				}
				forms = append(forms, fmt.Sprint(form))
			}
		}
		if slices.Sort(forms); forms[0] != forms[len(forms)-1] {
			t.Errorf("the lines have lengths of %v", slices.Compact(forms))
		}
	}
}

// TestOneClassAtTheSameTime writes the copies of one class concurrently, each of which gets the same octets as alone.
func TestOneClassAtTheSameTime(t *testing.T) {
	payload := crypto.Payload{crypto.Octets(make([]byte, 1<<20))}
	copies, err := sealer().Encrypt(payload, nil, generateMany(t, 8), crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	got := make([][]byte, len(copies))
	var wg sync.WaitGroup
	for i, c := range copies {
		wg.Go(func() {
			var b bytes.Buffer
			if _, err := c.WriteTo(&b); err != nil {
				t.Error(err)
			}
			got[i] = b.Bytes()
		})
	}
	wg.Wait()
	for i, c := range copies {
		if c.Class() != copies[0].Class() || c.Class() == 0 {
			t.Fatal("the copies are of different classes")
		}
		if !bytes.Equal(got[i], armored(t, c)) {
			t.Errorf("copy %d is another one alone", i)
		}
	}
}

// TestSharedTextIsNotCopied has copies of a class written: the text comes in the same large pieces each time.
func TestSharedTextIsNotCopied(t *testing.T) {
	payload := crypto.Payload{crypto.Octets(make([]byte, 1<<20))}
	copies, err := sealer().Encrypt(payload, nil, generateMany(t, 3), crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	var first pieces
	for i, c := range copies {
		var p pieces
		if _, err := c.WriteTo(&p); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = p
		}
		if len(p) > 8 || !slices.Equal(p[1:len(p)-1], first[1:len(first)-1]) {
			t.Errorf("copy %d is written in %d pieces, of which some are its own", i, len(p))
		}
	}
}

// pieces is where in memory the pieces lie that were written.
type pieces []*byte

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, &b[0])
	return len(b), nil
}

// wantGnuPGReads lets gpg decode the armor of copies in every phase, which checks the checksum, and open them.
func wantGnuPGReads(t *testing.T, to []*crypto.Cert, keys []*openpgp.Entity) {
	g := newGnuPG(t)
	to, keys = slices.Concat(to[:2], to[4:6], to[4:6]), keys[:6] // GnuPG 2.2 knows nothing of the others
	for _, at := range []int{0, 1, 4, 5} {
		g.run(secretBytes(t, keys[at]), "--import")
	}
	sender, archive := generate(t, "sender@example.net"), generate(t, "archive@example.net")
	g.importCert(sender.Cert())
	payload := bytes.Repeat([]byte("Content-Type: text/plain\r\n\r\nHello.\r\n"), 10_000)
	for _, also := range [][]*crypto.Cert{nil, {archive.Cert()}, to[:1]} {
		// One RSA packet in 256 is shorter by an octet, which is another phase, and the standard library draws what it
		// pleases.
		classes := map[int]bool{0: true}
		var copies []*crypto.Ciphertext
		for tries := 0; classes[0] && tries < 10; tries++ {
			var err error
			copies, err = sealer().Encrypt(crypto.Payload{crypto.Octets(payload)}, signer(t, sender), to, crypto.EncryptOptions{Share: true, Also: also})
			if err != nil {
				t.Fatal(err)
			}
			classes = make(map[int]bool)
			for _, c := range copies {
				classes[c.Class()] = true
			}
		}
		if len(classes) != 3 || classes[0] {
			t.Errorf("the copies are of the classes %v, not one for each phase", classes)
		}
		for i, c := range copies {
			text := armored(t, c)
			if got := g.decrypt(text, sender.Cert()); !bytes.Equal(got, payload) {
				t.Errorf("gpg reads %d octets of copy %d", len(got), i)
			}
			if raw, _ := g.run(text, "--dearmor"); !bytes.Equal(raw, dearmored(t, text)) {
				t.Errorf("gpg decodes the armor of copy %d to something else", i)
			}
		}
	}
}
