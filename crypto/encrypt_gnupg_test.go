package crypto_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
)

// TestGnuPGReads lets gpg open a copy made for keys of its own, signed by keys of ours.
func TestGnuPGReads(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	g.quickKey("Rita <rita@example.org>", "default", "")
	ring, err := crypto.ReadKeyring(bytes.NewReader(g.exported("--export")))
	if err != nil || len(ring.Certs) != 2 {
		t.Fatalf("%d certificates, %v, %v", len(ring.Certs), ring.Skipped, err)
	}
	rsa, err := crypto.Generate(address(t, "rsa@example.net"), crypto.GenerateOptions{
		Now: now.Add(-day), Rand: random(), Algorithm: crypto.RSA4096, Name: "R. S. A.",
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := rsa.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	g.run(b, "--import")
	to := append(ring.Certs, rsa.Cert(), rsa.Cert())
	payload := bytes.Repeat([]byte("Content-Type: text/plain\r\n\r\nHello.\r\n"), 3000)
	for _, sender := range []*crypto.SecretKey{generate(t, "sender@example.net"), rsa} {
		g.importCert(sender.Cert())
		by := signer(t, sender)
		for _, o := range []crypto.EncryptOptions{{}, {Share: true}, {Hidden: true}, {Hidden: true, Share: true}} {
			copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(payload)}, by, to, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range copies {
				if got := g.decrypt(armored(t, c), sender.Cert()); !bytes.Equal(got, payload) {
					t.Errorf("gpg reads %d octets, want %d", len(got), len(payload))
				}
			}
		}
		sig, err := sealer().Sign(crypto.Payload{crypto.Octets(payload)}, by)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sig.asc")
		if err := os.WriteFile(file, sig.Armored, 0o600); err != nil {
			t.Fatal(err)
		}
		// The eighth field is the hash, 8 for SHA-256, and the ninth the type of signature, 00 for binary.
		_, status := g.run(payload, "--verify", file, "-")
		if !strings.Contains(status, "[GNUPG:] VALIDSIG "+sender.Fingerprint()) || !strings.Contains(status, " 8 00 "+sender.Fingerprint()) {
			t.Errorf("gpg does not verify:\n%s", status)
		}
		if sig.MicAlg != "pgp-sha256" {
			t.Errorf("micalg %q", sig.MicAlg)
		}
	}
}

// TestGnuPGReadsManyRecipients has as many intended recipients in a signature as there can be.
func TestGnuPGReadsManyRecipients(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	c, err := crypto.ParseCert(g.exported("--export"))
	if err != nil {
		t.Fatal(err)
	}
	sender := generate(t, "sender@example.net")
	g.importCert(sender.Cert())
	to := append(generateMany(t, 99), c)
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, sender), to, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.decrypt(armored(t, copies[99]), sender.Cert()); string(got) != "hello" {
		t.Errorf("gpg reads %q", got)
	}
}

// TestGnuPGSecretKeys signs with keys as gpg exports them.
func TestGnuPGSecretKeys(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Open <open@example.org>", "future-default", "")
	g.quickKey("Shut <shut@example.org>", "future-default", "secret")
	g.quickKey("Sub <sub@example.org>", "future-default", "secret")
	parse := func(args ...string) *crypto.SecretKey {
		t.Helper()
		k, err := crypto.ParseSecretKey(g.exported(append([]string{"--passphrase", "secret"}, args...)...))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	signs := func(k *crypto.SecretKey) {
		t.Helper()
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, k), []*crypto.Cert{k.Cert()}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		payload, status := g.run(armored(t, copies[0]), "--passphrase", "secret", "--decrypt")
		if string(payload) != "hello" || !strings.Contains(status, "[GNUPG:] VALIDSIG ") {
			t.Errorf("gpg reads %q:\n%s", payload, status)
		}
	}
	unlock := func(k *crypto.SecretKey) *crypto.SecretKey {
		t.Helper()
		if !k.Locked() {
			t.Fatal("the key is not locked")
		}
		if _, err := k.Signer(now); err != crypto.ErrLocked {
			t.Errorf("a locked key signs: %v", err)
		}
		if _, err := k.Unlock([]byte("wrong")); err != crypto.ErrPassphrase {
			t.Errorf("a wrong passphrase: %v", err)
		}
		u, err := k.Unlock([]byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		if u.Locked() || !k.Locked() {
			t.Error("Unlock must unlock its result and leave the key alone")
		}
		return u
	}

	open := parse("--export-secret-keys", "open@example.org")
	if open.Locked() {
		t.Error("a key without passphrase is locked")
	}
	signs(open)
	signs(unlock(parse("--export-secret-keys", "shut@example.org")))

	// Without its primary key, this one has nothing left to sign with.
	only := parse("--export-secret-subkeys", "shut@example.org")
	_, err := unlock(only).Signer(now)
	wantReason(t, err, crypto.NoSecret, "the secret of its signing key was left out of the export")
	_, err = unlock(onCard(t, only)).Signer(now)
	wantReason(t, err, crypto.NoSecret, "its signing key is on a smart card")

	fpr := parse("--export-secret-keys", "sub@example.org").Fingerprint()
	g.run(nil, "--passphrase", "secret", "--quick-add-key", fpr, "ed25519", "sign", "never")
	subkeys := parse("--export-secret-subkeys", "sub@example.org")
	signs(unlock(subkeys))
	signs(unlock(onCard(t, subkeys)))

	// What is locked here opens there.
	locked, err := open.Lock([]byte("other"), random())
	if err != nil {
		t.Fatal(err)
	}
	b, err := locked.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	other := newGnuPG(t)
	other.run(b, "--passphrase", "other", "--import")
	other.run([]byte("x"), "--passphrase", "other", "--sign")
}

// onCard puts GnuPG's mark of a smart card in the place of the one for a secret that was left out.
func onCard(t *testing.T, k *crypto.SecretKey) *crypto.SecretKey {
	t.Helper()
	b, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if k, err = crypto.ParseSecretKey(bytes.Replace(b, []byte("GNU\x01"), []byte("GNU\x02"), 1)); err != nil {
		t.Fatal(err)
	}
	return k
}
