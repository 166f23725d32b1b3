package gate

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// keyFieldNow is when fields are asked for. A certificate made for the tests has a second encryption subkey that expires
// half an hour later.
var keyFieldNow = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

func keyFieldCert(t *testing.T) *crypto.Cert {
	t.Helper()
	config := func(ago time.Duration, lifetime time.Duration) *packet.Config {
		return &packet.Config{
			Time:            func() time.Time { return keyFieldNow.Add(-ago) },
			Algorithm:       packet.PubKeyAlgoEdDSA,
			KeyLifetimeSecs: uint32(lifetime / time.Second),
		}
	}
	e, err := openpgp.NewEntity("", "", "bob@example.net", config(2*time.Hour, 0))
	if err == nil {
		err = e.AddEncryptionSubkey(config(time.Hour, 90*time.Minute))
	}
	var b bytes.Buffer
	if err == nil {
		err = e.Serialize(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := crypto.ParseCert(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeyFieldsDiffer(t *testing.T) {
	var k keyFields
	c := keyFieldCert(t)
	for range 2 { // made, and remembered
		for _, tc := range []struct {
			kind       fieldKind
			addr, want string
		}{
			{gossipField, "bob@example.net", "Autocrypt-Gossip: addr=bob@example.net; keydata="},
			{gossipField, "Bob@Example.NET", "Autocrypt-Gossip: addr=Bob@Example.NET; keydata="},
			{autocryptField, "bob@example.net", "Autocrypt: addr=bob@example.net; keydata="},
			{autocryptMutualField, "bob@example.net", "Autocrypt: addr=bob@example.net; prefer-encrypt=mutual; keydata="},
		} {
			addr, err := mail.ParseAddr(tc.addr)
			if err != nil {
				t.Fatal(err)
			}
			f, err := k.get(tc.kind, c, addr, keyFieldNow)
			if err != nil || !strings.HasPrefix(f.Name+":"+f.Value, tc.want) {
				t.Errorf("%s: %v\n%s", tc.addr, err, f.Value)
			}
		}
	}
	other, err := mail.ParseAddr("eve@example.net")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := k.get(gossipField, c, other, keyFieldNow); !errors.Is(err, crypto.ErrNotNamed) {
			t.Errorf("an address that the certificate does not name: %v", err)
		}
	}
	if len(k.made) != 5 {
		t.Errorf("%d fields remembered", len(k.made))
	}
}

func TestKeyFieldsAreMadeAnew(t *testing.T) {
	var k keyFields
	c := keyFieldCert(t)
	addr := c.Addrs()[0]
	get := func(after time.Duration) string {
		f, err := k.get(gossipField, c, addr, keyFieldNow.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return f.Value
	}
	first := get(0)
	if get(keyFieldLifetime-time.Second) != first {
		t.Error("made anew before its time")
	}
	if get(keyFieldLifetime) == first {
		t.Error("a subkey that has expired is still told of")
	}
}

func TestKeyFieldsAreBounded(t *testing.T) {
	var k keyFields
	c := keyFieldCert(t)
	if _, err := k.get(gossipField, c, c.Addrs()[0], keyFieldNow); err != nil {
		t.Fatal(err)
	}
	k.size = maxKeyFields - 1
	f, err := k.get(autocryptField, c, c.Addrs()[0], keyFieldNow)
	if err != nil || len(k.made) != 1 || k.size != len(f.Value)+keyFieldCost {
		t.Errorf("%d fields of %d octets, %v", len(k.made), k.size, err)
	}
}
