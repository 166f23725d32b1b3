package gate_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

func TestGossip(t *testing.T) {
	many := []string{"bob@example.net", "dave@example.net", "carol@example.net", "quiet@example.net", "alice@example.org"}
	for _, tc := range []struct {
		name   string
		fields []string
		adjust func(*world)
		to     []string
		want   []string // addr= in the copies of all who are seen
	}{
		{"two", []string{"To: bob@example.net, dave@example.net"}, nil, many, []string{"bob@example.net", "dave@example.net"}},
		{"in the order of the header", []string{"Cc: Bob <Bob@Example.net>", "To: dave@example.net, carol@example.net"}, nil, many,
			[]string{"dave@example.net", "carol@example.net", "Bob@Example.net"}},
		{"one alone", []string{"To: bob@example.net"}, nil, many, nil},
		{"one and the author", []string{"To: bob@example.net", "Cc: alice@example.org"}, nil, many, nil},
		{"one twice", []string{"To: bob@example.net, BOB@example.net"}, nil, many, nil},
		{"one with a key and one without", []string{"To: bob@example.net, erin@example.com"}, nil, []string{"bob@example.net", "erin@example.com"}, nil},
		{"one who is not in the envelope", []string{"To: bob@example.net, dave@example.net"}, nil, []string{"bob@example.net"}, nil},
		{"one whose certificate names another", []string{"To: bob@example.net, dave@example.net, carol@example.net"}, func(w *world) {
			w.answers["dave@example.net"] = w.answers["quiet@example.net"]
		}, many, []string{"bob@example.net", "carol@example.net"}},
		{"a redistributed message", []string{"To: bob@example.net", "Resent-To: dave@example.net"}, nil, many, nil},
		{"off", []string{"To: bob@example.net, dave@example.net"}, func(w *world) { w.Config.Headers.Gossip = false }, many, nil},
		{"the client's own", []string{"To: bob@example.net", "Autocrypt-Gossip: addr=quiet@example.net; keydata=AAAA"}, nil, many, nil},
		{"a list's mail", []string{"To: bob@example.net, dave@example.net", "List-Id: <l.example.org>"}, nil, many, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			secrets := w.keyed(t, many...)
			if tc.adjust != nil {
				tc.adjust(w)
			}
			copies := w.all(t, letter(t, tc.fields...), tc.to...)
			seen := strings.ToLower(strings.Join(tc.fields, " "))
			for to, text := range copies {
				if !strings.Contains(text, "BEGIN PGP MESSAGE") {
					if strings.Contains(text, "Autocrypt-Gossip") {
						t.Errorf("gossip in clear text for %s", to)
					}
					continue
				}
				outside, inside, body := opened(t, text, secrets)
				if outside.Has("Autocrypt-Gossip") || strings.Contains(body, "Autocrypt-Gossip") {
					t.Errorf("gossip in another place of the copy for %s", to)
				}
				var got []string
				for _, f := range inside.All("Autocrypt-Gossip") {
					addr, attributes, c := introduced(t, f)
					if strings.Join(attributes, " ") != "addr keydata" || c.Fingerprint() != w.answers[strings.ToLower(addr)].Cert.Fingerprint() {
						t.Errorf("the field is\n%s", f.Value)
					}
					got = append(got, addr)
				}
				want := tc.want
				if !strings.Contains(seen, to) {
					want = nil // hidden
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: gossip about %q, want %q", to, got, want)
				}
			}
		})
	}
}

// TestNobodyLearnsOfHiddenRecipients looks in all octets of everybody's copies, before and after decrypting, for a recipient
// whom nobody is to know of: the address, the fingerprint and the key ID, in the forms in which they may occur.
func TestNobodyLearnsOfHiddenRecipients(t *testing.T) {
	w := newWorld(t)
	everybody := []string{"bob@example.net", "dave@example.net", "quiet@example.net", "silent@example.net", "erin@example.com"}
	secrets := w.keyed(t, everybody[:4]...)
	w.Config.Crypto.AttachKey = config.AttachAlways
	copies := w.all(t, letter(t, "To: bob@example.net, erin@example.com", "Cc: dave@example.net", "Bcc: quiet@example.net, silent@example.net"), everybody...)
	if len(copies) != len(everybody) {
		t.Fatalf("copies for %d", len(copies))
	}
	for to, text := range copies {
		octets := []byte(text)
		if strings.Contains(text, "BEGIN PGP MESSAGE") {
			_, raw := mail.SplitMessage(octets)
			block, err := armor.Decode(bytes.NewReader(raw[bytes.Index(raw, []byte("-----BEGIN PGP MESSAGE")):]))
			if err != nil {
				t.Fatal(err)
			}
			packets, err := io.ReadAll(block.Body)
			if err != nil {
				t.Fatal(err)
			}
			_, inside, body := opened(t, text, secrets)
			octets = append(append(octets, packets...), inside.AppendTo(nil)...)
			octets = append(octets, body...)
			for _, f := range inside.All("Autocrypt-Gossip") {
				_, _, c := introduced(t, f)
				octets = append(octets, c.Bytes()...)
			}
		}
		for i, hidden := range everybody[:4] {
			primary, subkey := secrets[i].PrimaryKey, secrets[i].Subkeys[0].PublicKey
			names := map[string][]byte{
				"address": []byte(hidden), "local part": []byte(strings.Split(hidden, "@")[0] + "@"),
				"fingerprint": primary.Fingerprint, "fingerprint in hexadecimal": fmt.Appendf(nil, "%X", primary.Fingerprint),
				"key ID of the subkey": subkey.Fingerprint[12:], "key ID": primary.Fingerprint[12:],
			}
			isHidden := i >= 2
			for what, name := range names {
				if found := bytes.Contains(bytes.ToLower(octets), bytes.ToLower(name)) && bytes.Contains(octets, name); found && isHidden && hidden != to {
					t.Errorf("%s learns the %s of %s", to, what, hidden)
				}
			}
			if gossiped := bytes.Contains(octets, primary.Fingerprint); !isHidden && (to == "bob@example.net" || to == "dave@example.net") && !gossiped {
				t.Errorf("the search does not find %s in the copy for %s", hidden, to)
			}
		}
	}
}

// TestGossipIsBounded has a message with many recipients: its size does not grow with them beyond a bound, and each field
// is made once.
func TestGossipIsBounded(t *testing.T) {
	w := newWorld(t)
	var to []string
	for i := range 150 {
		to = append(to, fmt.Sprintf("r%d@example.net", i))
	}
	secrets := w.keyed(t, to...)
	copies := w.all(t, letter(t, "To: "+strings.Join(to, ",\r\n ")), to...)
	_, inside, _ := opened(t, copies[to[149]], secrets)
	var size int
	fields := inside.All("Autocrypt-Gossip")
	for i, f := range fields {
		if addr, _, _ := introduced(t, f); addr != to[i] {
			t.Errorf("field %d is about %s", i, addr)
		}
		size += len(mail.Header{f}.AppendTo(nil))
	}
	if size > 64<<10 || size < 63<<10 {
		t.Errorf("%d fields of %d octets", len(fields), size)
	}
}
