package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// TestEncryptAlso has copies for every kind of reader that an archive of every kind and the author read, too, and nobody
// else.
func TestEncryptAlso(t *testing.T) {
	all := readers(t)
	sender := generate(t, "sender@example.org")
	author := entity(t, sender)
	payload := bytes.Repeat([]byte("Something to keep to oneself.\r\n"), 100)
	for _, archive := range readers(t) {
		for _, o := range []crypto.EncryptOptions{{}, {Share: true}, {Hidden: true}, {Hidden: true, Share: true}} {
			t.Run(fmt.Sprintf("%s %+v", archive.name, o), func(t *testing.T) {
				o.Also = []*crypto.Cert{sender.Cert(), archive.cert, sender.Cert()}
				copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(payload)}, signer(t, sender), certs(all), o)
				if err != nil {
					t.Fatal(err)
				}
				common := make(map[string]string)
				for i, r := range all {
					text := armored(t, copies[i])
					ps := packets(t, dearmored(t, text))
					if len(ps) != 4 {
						t.Fatalf("%s: %d packets", r.name, len(ps))
					}
					for at, e := range []*openpgp.Entity{r.entity, author, archive.entity} {
						if ps[at].Tag != 1 || !slices.Equal(named(t, e, rawPacket(1, ps[at].Contents)), []int{0}) {
							t.Errorf("%s: packet %d is not for the reader whose turn it is", r.name, at)
						}
						// A version 4 author without AEAD reads every copy.
						if ps[at].Contents[0] != 3 || ps[3].Contents[0] != 1 {
							t.Errorf("%s: version %d session key before version %d data", r.name, ps[at].Contents[0], ps[3].Contents[0])
						}
						got := open(t, text, e, author)
						if !bytes.Equal(got.payload, payload) {
							t.Errorf("%s: reader %d reads %d octets", r.name, at, len(got.payload))
						}
						want := len(all) + 2
						if o.Hidden {
							want = 0
						}
						if n := len(got.details.Signature.IntendedRecipients); n != want {
							t.Errorf("%s: %d intended recipients, want %d", r.name, n, want)
						}
					}
					wantNobodyElse(t, r, all, dearmored(t, text), "in the open")
					// What is made once for the copies of a data packet is the same in all of them.
					theirs := string(ps[1].Contents) + string(ps[2].Contents)
					if before, shared := common[string(ps[3].Contents)]; shared && before != theirs {
						t.Errorf("%s: session-key packets of a shared data packet differ", r.name)
					}
					common[string(ps[3].Contents)] = theirs
				}
				if want := len(all); !o.Share && len(common) != want {
					t.Errorf("%d data packets, want %d", len(common), want)
				}
			})
		}
	}
}

// TestSuiteOfAll finds what all readers of a copy can read, for each pair of reader and archive.
func TestSuiteOfAll(t *testing.T) {
	eax := func(cipher packet.CipherFunction) func(*packet.Config) {
		return func(c *packet.Config) {
			c.DefaultCipher, c.AEADConfig = cipher, &packet.AEADConfig{DefaultMode: packet.AEADModeEAX}
		}
	}
	made := now.Add(-day)
	all := append(readers(t), reader{name: "EAX", entity: newEntity(t, at(made, eax(packet.CipherAES256)))})
	for i := range all {
		all[i].cert = cert(t, all[i].entity)
	}
	suites := make(map[string]int)
	for _, r := range all {
		for _, archive := range all {
			copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{r.cert},
				crypto.EncryptOptions{Also: []*crypto.Cert{archive.cert}})
			if err != nil {
				t.Fatal(err)
			}
			text := armored(t, copies[0])
			ps := packets(t, dearmored(t, text))
			data := ps[len(ps)-1].Contents
			both := "v1"
			if data[0] == 2 {
				both = fmt.Sprintf("v2 % x", data[1:3])
			}
			var cipher int
			for _, e := range []*openpgp.Entity{r.entity, archive.entity} {
				got := open(t, text, e, nil)
				if string(got.payload) != "hello" {
					t.Errorf("%s with %s: %q", r.name, archive.name, got.payload)
				}
				cipher = len(got.details.SessionKey)
			}
			suites[fmt.Sprintf("%s %d", both, cipher)]++
			one := slices.IndexFunc(all, func(o reader) bool { return o.name == r.name })
			two := slices.IndexFunc(all, func(o reader) bool { return o.name == archive.name })
			if want := wantSuite(all[one], all[two]); both != want {
				t.Errorf("%s with %s: %s, want %s", r.name, archive.name, both, want)
			}
		}
	}
	for _, some := range []string{"v1 16", "v1 32", "v2 09 02 32", "v2 09 03 32", "v2 07 02 16"} {
		if suites[some] == 0 {
			t.Errorf("no pair has %s: %v", some, suites)
		}
	}
}

// wantSuite knows by name what the readers of the tests announce.
func wantSuite(a, b reader) string {
	// All that announce AEAD announce AES-256 in OCB, and one GCM, EAX or nothing beside it. OCB comes before EAX.
	modes := map[string]string{"v4 with AEAD": "09 03", "EAX": "09 02", "v6": "09 02", "post-quantum": "09 02", "v6 that announces nothing": "07 02"}
	one, two := modes[a.name], modes[b.name]
	switch {
	case one == "" || two == "":
		return "v1"
	case one == two:
		return "v2 " + one
	case one == "07 02" || two == "07 02":
		return "v2 07 02"
	default:
		return "v2 09 02"
	}
}

// TestAlsoIsTheReader has one who reads every copy read their own with one session-key packet.
func TestAlsoIsTheReader(t *testing.T) {
	author, other := generate(t, "author@example.org"), generate(t, "other@example.org")
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{author.Cert(), other.Cert()},
		crypto.EncryptOptions{Share: true, Also: []*crypto.Cert{author.Cert()}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 3} {
		text := armored(t, copies[i])
		if ps := packets(t, dearmored(t, text)); len(ps) != want {
			t.Errorf("copy %d has %d packets, want %d", i, len(ps), want)
		}
		if got := open(t, text, entity(t, author), nil); string(got.payload) != "hello" {
			t.Errorf("copy %d: the author reads %q", i, got.payload)
		}
	}
}

// TestAlsoUnusable fails the call of which one who is to read every copy cannot be encrypted to, and names them.
func TestAlsoUnusable(t *testing.T) {
	k := generate(t, "a@example.org")
	expired := cert(t, newEntity(t, at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = 86400 })))
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{k.Cert()},
		crypto.EncryptOptions{Also: []*crypto.Cert{k.Cert(), expired}})
	var u *crypto.Unusable
	if !errors.As(err, &u) || u.Reason != crypto.Expired || !strings.Contains(err.Error(), "also to "+expired.Fingerprint()) || copies != nil {
		t.Errorf("%d copies: %v", len(copies), err)
	}
}

// TestAlsoSubkeys encrypts to all subkeys of who reads every copy, or to the newest.
func TestAlsoSubkeys(t *testing.T) {
	k := generate(t, "a@example.org")
	archive := withSubkeys(t, at(now.Add(-day)), packet.PubKeyAlgoX25519)
	for newest, want := range map[bool][]int{false: {0, 1}, true: {1}} {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{k.Cert()},
			crypto.EncryptOptions{NewestOnly: newest, Also: []*crypto.Cert{cert(t, archive)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := named(t, archive, dearmored(t, armored(t, copies[0]))); !slices.Equal(got[1:], want) {
			t.Errorf("newest only %v: subkeys %v, want %v", newest, got[1:], want)
		}
	}
}

// TestAlsoCountsAsIntended leaves the list of intended recipients out before it is too long with them.
func TestAlsoCountsAsIntended(t *testing.T) {
	k, archive := generate(t, "a@example.org"), generate(t, "archive@example.org")
	to := append(generateMany(t, 99), k.Cert())
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, k), to,
		crypto.EncryptOptions{Share: true, Also: []*crypto.Cert{archive.Cert()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*openpgp.Entity{entity(t, k), entity(t, archive)} {
		if got := open(t, armored(t, copies[99]), e, entity(t, k)).details.Signature.IntendedRecipients; len(got) != 0 {
			t.Errorf("%d intended recipients", len(got))
		}
	}
}

// TestGnuPGReadsAlso lets gpg open copies with the key of the reader, the author or the archive alone.
func TestGnuPGReadsAlso(t *testing.T) {
	homes := make([]*gnupg, 3)
	found := make([]*crypto.Cert, 3)
	for i, algorithm := range []string{"future-default", "default", "future-default"} {
		homes[i] = newGnuPG(t)
		homes[i].quickKey("Somebody <somebody@example.org>", algorithm, "")
		var err error
		if found[i], err = crypto.ParseCert(homes[i].exported("--export")); err != nil {
			t.Fatal(err)
		}
	}
	sender := generate(t, "sender@example.net")
	for _, hidden := range []bool{false, true} {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, sender), found[:1],
			crypto.EncryptOptions{Hidden: hidden, Also: found[1:]})
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range homes {
			g.importCert(sender.Cert())
			if got := g.decrypt(armored(t, copies[0]), sender.Cert()); string(got) != "hello" {
				t.Errorf("hidden %v: gpg with key %d reads %q", hidden, i, got)
			}
		}
	}
}
