package crypto_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// TestMergeLeansSignatures pads new signatures of the owner in every place where nothing is signed.
func TestMergeLeansSignatures(t *testing.T) {
	for version, e := range map[string]*openpgp.Entity{"v4": newEntity(t, at(now.Add(-10*day))), "v6": newEntity(t, v6(now.Add(-10*day)))} {
		before := cert(t, e)
		if err := e.AddSigningSubkey(alike(e, now.Add(-day))); err != nil {
			t.Fatal(err)
		}
		revokeEntity(t, e, packet.NoReason, now)
		after := cert(t, e)
		clean := merged(t, before, after.Bytes())
		for _, size := range []int{1, 190, 191, 1000, 20_000} {
			subpacket := slices.Concat([]byte{255}, binary.BigEndian.AppendUint32(nil, uint32(size+1)), []byte{100}, make([]byte, size))
			var padded []byte
			for _, p := range packets(t, after.Bytes()) {
				body := p.Contents
				if p.Tag == 2 {
					body = slices.Concat(withUnhashed(body, subpacket), make([]byte, size))
				}
				padded = append(padded, rawPacket(p.Tag, body)...)
			}
			if m := merged(t, before, padded); !bytes.Equal(m.Bytes(), clean.Bytes()) {
				t.Errorf("%s: %d octets of padding leave %d", version, size, len(m.Bytes())-len(clean.Bytes()))
			}
			if m := merged(t, parsedCert(t, padded), after.Bytes()); !bytes.Equal(m.Bytes(), after.Bytes()) {
				t.Errorf("%s: %d octets of padding stay", version, size)
			}
		}
	}
}

// TestMergeLeansEmbeddedSignatures has a signing subkey as gpg makes it, with the subkey's own signature in the part that
// is not signed.
func TestMergeLeansEmbeddedSignatures(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	before := parsedCert(t, g.exported("--export"))
	g.run(nil, "--passphrase", "", "--quick-add-key", before.Fingerprint(), "ed25519", "sign", "never")
	after := parsedCert(t, g.exported("--export"))
	if m := merged(t, before, after.Bytes()); !bytes.Equal(m.Bytes(), after.Bytes()) {
		t.Errorf("%d octets of %d", len(m.Bytes()), len(after.Bytes()))
	}
	ps := packets(t, after.Bytes())
	last := ps[len(ps)-1]
	padded := slices.Concat(before.Bytes(), rawPacket(14, ps[len(ps)-2].Contents),
		rawPacket(2, withUnhashed(last.Contents, []byte{3, 100, 1, 2})))
	if m := merged(t, before, padded); !bytes.Equal(m.Bytes(), after.Bytes()) {
		t.Errorf("padded: %d octets of %d", len(m.Bytes()), len(after.Bytes()))
	}
	if got := after.Explain(now)[2].String(); got != "subkey ed25519 (sign): used" {
		t.Error(got)
	}
}
