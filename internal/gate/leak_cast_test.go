package gate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// cast are all who take part, with their keys.
type cast struct {
	secrets  map[string]*crypto.SecretKey
	entities map[string]*openpgp.Entity
}

var keyed = []string{"bob@example.net", "dave@example.net", "fay@example.net"}

var everybody = append(slices.Clone(keyed), "erin@example.com", "frank@example.com", "gone@example.net", "odd@example.net")

func newCast(t *testing.T) *cast {
	t.Helper()
	c := &cast{map[string]*crypto.SecretKey{}, map[string]*openpgp.Entity{}}
	for _, name := range append(slices.Clone(keyed), "alice@example.org", "relay@example.org", "archive@example.org", "erin@example.com") {
		secret, err := generate(addr(t, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := secret.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		ring, err := openpgp.ReadKeyRing(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		c.secrets[name], c.entities[name] = secret, ring[0]
	}
	return c
}

// open returns all that the reader of a copy finds in it, with the packets of signatures, and the IDs of the keys that it is
// encrypted to.
func (c *cast) open(text, reader string) (inside string, ids []uint64, err error) {
	at := strings.Index(text, "-----BEGIN PGP MESSAGE-----")
	block, err := armor.Decode(strings.NewReader(text[at:]))
	if err != nil {
		return "", nil, err
	}
	packets := packet.NewReader(block.Body)
	var function packet.CipherFunction
	var key []byte
	for {
		p, err := packets.Next()
		if err != nil {
			return "", ids, fmt.Errorf("nothing that %s can open: %w", reader, err)
		}
		var opened io.ReadCloser
		switch p := p.(type) {
		case *packet.EncryptedKey:
			ids = append(ids, p.KeyId)
			for _, sub := range c.entities[reader].Subkeys {
				if sub.PublicKey.KeyId == p.KeyId && p.Decrypt(sub.PrivateKey, nil) == nil {
					function, key = p.CipherFunc, p.Key
				}
			}
			continue
		case *packet.SymmetricallyEncrypted:
			opened, err = p.Decrypt(function, key)
		case *packet.AEADEncrypted:
			opened, err = p.Decrypt(function, key)
		}
		if err != nil || opened == nil {
			return "", ids, fmt.Errorf("%T: %w", p, errors.Join(err))
		}
		b, err := io.ReadAll(opened)
		return string(b), ids, err
	}
}

// clientCopy is a message that a client has encrypted.
type clientCopy struct {
	header mail.Header
	body   string
	to     []string
	forged bool // with clear text beside
}

type clientMessages []*clientCopy

func newClientMessages(t *testing.T, c *cast) (all clientMessages) {
	t.Helper()
	w := newWorld(t)
	for _, to := range [][]string{{"bob@example.net"}, {"bob@example.net", "dave@example.net"}, {"erin@example.com"}, {"bob@example.net"}} {
		draft, err := w.Composer.Prepare(message(t, "alice@example.org"))
		if err != nil {
			t.Fatal(err)
		}
		var also []*crypto.Cert
		for _, name := range to[1:] {
			also = append(also, c.secrets[name].Cert())
		}
		copies, err := draft.Encrypt(nil, []pgpmime.Reader{{Cert: c.secrets[to[0]].Cert()}}, crypto.EncryptOptions{Also: also})
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := copies[0].Body.WriteTo(&body); err != nil {
			t.Fatal(err)
		}
		all = append(all, &clientCopy{header: copies[0].Header, body: body.String(), to: to})
	}
	last := all[len(all)-1]
	last.forged, last.to = true, nil
	last.body = strings.Replace(last.body, "-----BEGIN PGP MESSAGE-----", secretText+"\r\n-----BEGIN PGP MESSAGE-----", 1)
	return all
}
