package bench

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// kind is a kind of key.
type kind struct {
	name      string
	algorithm crypto.Algorithm
	// different is how many recipients have keys of their own at most. The others have the same ones again: making a key is
	// slow, and using it is not the faster for it.
	different int
}

var (
	ed25519 = kind{commonKeys, crypto.Ed25519, 100}
	rsa4096 = kind{"RSA-4096", crypto.RSA4096, 2}
)

// people are an author and recipients whose keys are of one kind.
type people struct {
	kind string
	// dir holds the files by the name of authorKey and recipientCert, so that other processes can read them.
	dir        string
	author     *crypto.SecretKey
	recipients []*crypto.Cert
}

const author = "author@example.org"

func authorKey(dir string) string { return filepath.Join(dir, "author.asc") }

func recipientAddress(i int) string { return fmt.Sprintf("recipient%d@example.net", i) }

func recipientCert(dir string, i int) string {
	return filepath.Join(dir, fmt.Sprintf("recipient%d.asc", i))
}

// newPeople makes keys in a new folder. The keys are somewhat older than now, for the clocks of other programs.
func newPeople(dir string, k kind, now time.Time) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	o := crypto.GenerateOptions{Now: now.Add(-time.Hour), Rand: rand.Reader, Algorithm: k.algorithm}
	generate := func(address, path string, write func(*crypto.SecretKey, *bytes.Buffer) error) error {
		addr, err := mail.ParseAddr(address)
		if err != nil {
			return err
		}
		key, err := crypto.Generate(addr, o)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := write(key, &b); err != nil {
			return err
		}
		return os.WriteFile(path, b.Bytes(), 0o600)
	}
	err := generate(author, authorKey(dir), func(k *crypto.SecretKey, b *bytes.Buffer) error { return k.WriteArmored(b) })
	for i := 0; i < k.different && err == nil; i++ {
		err = generate(recipientAddress(i), recipientCert(dir, i),
			func(k *crypto.SecretKey, b *bytes.Buffer) error { return k.Cert().WriteArmored(b) })
	}
	return err
}

// readPeople reads what newPeople has made.
func readPeople(dir string, k string) (*people, error) {
	p := &people{kind: k, dir: dir}
	for i := -1; ; i++ {
		path := authorKey(dir)
		if i >= 0 {
			path = recipientCert(dir, i)
		}
		file, err := os.Open(path)
		if i > 0 && os.IsNotExist(err) {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		ring, err := crypto.ReadKeyring(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		switch {
		case i < 0 && len(ring.Secrets) == 1:
			p.author = ring.Secrets[0]
		case i >= 0 && len(ring.Certs) == 1:
			p.recipients = append(p.recipients, ring.Certs[0])
		default:
			return nil, fmt.Errorf("%s does not hold one key", path)
		}
	}
}

// recipient returns one of any number of recipients.
func (p *people) recipient(i int) *crypto.Cert { return p.recipients[i%len(p.recipients)] }
