package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/internal/mail"
)

// keyKind is a kind of key that author and recipients have.
type keyKind struct {
	// name is that of the row.
	name string
	// algorithm is the one that the program generates itself; algos are those that gpg is asked for: of the primary key
	// and of each subkey with its use, such as "cv25519 encrypt".
	algorithm crypto.Algorithm
	primary   string
	subkeys   [][2]string
	// passphrase locks the secret keys of the readers.
	passphrase string
	// v6 tells that nothing older than RFC 9580 can know such keys.
	v6 bool
}

// common is the kind of key in all tables that are not about kinds of keys.
var common = keyKind{name: "Ed25519 and Curve25519 (v4)"}

// keyKinds returns the rows of the table of keys.
func keyKinds() []keyKind {
	return []keyKind{
		common,
		{name: "RSA-4096", algorithm: crypto.RSA4096},
		{name: "NIST P-256", primary: "nistp256", subkeys: [][2]string{{"nistp256", "encrypt"}}},
		{name: "NIST P-384", primary: "nistp384", subkeys: [][2]string{{"nistp384", "encrypt"}}},
		{name: "brainpoolP256r1", primary: "brainpoolP256r1", subkeys: [][2]string{{"brainpoolP256r1", "encrypt"}}},
		{name: "several subkeys", primary: "ed25519", subkeys: [][2]string{{"cv25519", "encrypt"}, {"ed25519", "sign"},
			{"nistp256", "encrypt"}, {"rsa3072", "sign"}}},
		{name: "with a passphrase", passphrase: "correct horse"},
		{name: "Ed25519 and X25519 (v6)", algorithm: crypto.V6, v6: true},
	}
}

// generate makes an unlocked key for an address.
func (k keyKind) generate(ctx context.Context, progress io.Writer, addr string) (*crypto.SecretKey, error) {
	if k.primary != "" {
		return k.byGPG(ctx, progress, addr)
	}
	a, err := mail.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	// Programs whose clock is read in whole seconds must not see a key of the future.
	return crypto.Generate(a, crypto.GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader, Algorithm: k.algorithm})
}

// byGPG has gpg make the key.
func (k keyKind) byGPG(ctx context.Context, progress io.Writer, addr string) (key *crypto.SecretKey, err error) {
	gpg, err := lab.NewGPG(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer gpg.Close()
	generate := func(args ...string) error {
		// gpg's clock begins there and goes on, so it must begin later for each subkey.
		before := time.Now().Add(-time.Hour).UTC().Format("20060102T150405")
		_, err := gpg.Run(ctx, nil, append([]string{"--faked-system-time", before}, args...)...)
		return err
	}
	if err := generate("--quick-generate-key", addr, k.primary, "cert,sign", "never"); err != nil {
		return nil, err
	}
	fingerprint, err := gpg.Fingerprint(ctx, "<"+addr+">")
	if err != nil {
		return nil, err
	}
	for _, subkey := range k.subkeys {
		if err := generate("--quick-add-key", fingerprint, subkey[0], subkey[1], "never"); err != nil {
			return nil, err
		}
	}
	binary, err := gpg.Run(ctx, nil, "--export-secret-keys", fingerprint)
	if err != nil {
		return nil, err
	}
	return crypto.ParseSecretKey(binary)
}

// correspondents are an author and two recipients with keys of one kind.
type correspondents struct {
	kind            keyKind
	alice, bob, eve *crypto.SecretKey
}

func newCorrespondents(ctx context.Context, progress io.Writer, kind keyKind) (c correspondents, err error) {
	c.kind = kind
	for addr, key := range map[string]**crypto.SecretKey{alice: &c.alice, bob: &c.bob, eve: &c.eve} {
		if *key, err = kind.generate(ctx, progress, addr); err != nil {
			return c, fmt.Errorf("make a key of %s (%s): %w", addr, kind.name, err)
		}
	}
	return c, nil
}

// readersKey is the secret key as its reader's programs get it, in ASCII armor.
func (c correspondents) readersKey(key *crypto.SecretKey) ([]byte, error) {
	if c.kind.passphrase != "" {
		locked, err := key.Lock([]byte(c.kind.passphrase), rand.Reader)
		if err != nil {
			return nil, err
		}
		key = locked
	}
	var b bytes.Buffer
	err := key.WriteArmored(&b)
	return b.Bytes(), err
}
