package lab_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func newGPG(t *testing.T) *lab.GPG {
	t.Helper()
	gpg, err := lab.NewGPG(bounded(t), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, gpg.Close)
	return gpg
}

// key makes a key in one ring and puts it into others.
func key(t *testing.T, gpg *lab.GPG, userID string, into ...*lab.GPG) (fingerprint string) {
	t.Helper()
	fingerprint, err := gpg.Generate(bounded(t), userID, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := gpg.ExportPublic(bounded(t), fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range into {
		if err := other.Import(bounded(t), public); err != nil {
			t.Fatal(err)
		}
	}
	return fingerprint
}

const payload = "Content-Type: text/plain\r\n\r\nsecret, \r\n"

func multipart(kind, first, second string) []byte {
	return []byte("Subject: t\r\nContent-Type: multipart/" + kind + ";\r\n boundary=\"=b\"\r\n\r\npreamble\r\n--=b\r\n" + first +
		"\r\n--=b\r\n" + second + "\r\n--=b--\r\nepilogue\r\n")
}

func TestOpenEncrypted(t *testing.T) {
	ctx := bounded(t)
	alice, bob, carol := newGPG(t), newGPG(t), newGPG(t)
	signer := key(t, alice, "alice@lab.test", bob)
	key(t, bob, "bob@lab.test", alice)

	sealed := encrypt(t, alice, "--sign")
	opened, err := bob.Open(ctx, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if !opened.Encrypted || !opened.Signed || opened.Signer != signer || string(opened.Payload) != payload || len(opened.Recipients) != 1 {
		t.Errorf("opened: %+v", opened)
	}
	ids, err := bob.KeyIDs(ctx, "bob@lab.test")
	if err != nil || len(ids) != 2 || opened.Recipients[0] != ids[1] {
		t.Errorf("the session key is for %q, the key has the IDs %q (%v)", opened.Recipients, ids, err)
	}

	if opened, err := bob.Open(ctx, encrypt(t, alice)); err != nil || opened.Signed || opened.Signer != "" {
		t.Errorf("without a signature: %+v, %v", opened, err)
	}
	if _, err := carol.Open(ctx, sealed); err == nil || !strings.Contains(err.Error(), "decryption failed") {
		t.Errorf("without the secret key: %v", err)
	}
	broken := bytes.Clone(sealed)
	if c := &broken[bytes.Index(broken, []byte("-----END"))-40]; *c == 'A' { // one octet of the data, in base64
		*c = 'B'
	} else {
		*c = 'A'
	}
	if _, err := bob.Open(ctx, broken); err == nil {
		t.Error("a changed message opens")
	}
}

// encrypt makes a PGP/MIME message for Bob with the plain command.
func encrypt(t *testing.T, gpg *lab.GPG, options ...string) []byte {
	t.Helper()
	out, err := gpg.Run(bounded(t), []byte(payload), append(options, "--armor", "--recipient", "bob@lab.test", "--encrypt")...)
	if err != nil {
		t.Fatal(err)
	}
	return multipart("encrypted", "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
		"Content-Type: application/octet-stream\r\n\r\n"+strings.ReplaceAll(string(out), "\n", "\r\n"))
}

func TestOpenSigned(t *testing.T) {
	ctx := bounded(t)
	alice, bob := newGPG(t), newGPG(t)
	signer := key(t, alice, "alice@lab.test", bob)
	signature, err := alice.Run(ctx, []byte(payload), "--armor", "--detach-sign")
	if err != nil {
		t.Fatal(err)
	}
	second := "Content-Type: application/pgp-signature\r\n\r\n" + string(signature)

	opened, err := bob.Open(ctx, multipart("signed", payload, second))
	if err != nil {
		t.Fatal(err)
	}
	if opened.Encrypted || !opened.Signed || opened.Signer != signer || string(opened.Payload) != payload {
		t.Errorf("opened: %+v", opened)
	}
	for name, message := range map[string][]byte{
		"a blank lost":     multipart("signed", strings.Replace(payload, ", ", ",", 1), second),
		"no signature":     multipart("signed", payload, "Content-Type: application/pgp-signature\r\n\r\n"),
		"no second part":   bytes.Replace(multipart("signed", payload, second), []byte("\r\n--=b\r\n"), []byte("\r\n"), 2),
		"no closing line":  bytes.Replace(multipart("signed", payload, second), []byte("--=b--"), nil, 1),
		"the third a part": multipart("signed", payload, second+"\r\n--=b\r\n\r\nmore"),
	} {
		if opened, err := bob.Open(ctx, message); err == nil {
			t.Errorf("%s: opened as %+v", name, opened)
		}
	}
	if opened, err := newGPG(t).Open(ctx, multipart("signed", payload, second)); err == nil {
		t.Errorf("without the certificate: opened as %+v", opened)
	}
}

func TestOpenPlain(t *testing.T) {
	gpg := newGPG(t)
	for _, message := range []string{"Subject: t\r\n\r\nhello\r\n", "Content-Type: text/plain\r\n\r\nhello\r\n"} {
		opened, err := gpg.Open(bounded(t), []byte(message))
		if err != nil || opened.Encrypted || opened.Signed || string(opened.Payload) != message {
			t.Errorf("opened %q as %+v, %v", message, opened, err)
		}
	}
}

func TestExportSecret(t *testing.T) {
	ctx := bounded(t)
	alice, other := newGPG(t), newGPG(t)
	if _, err := alice.Generate(ctx, "Alice <alice@lab.test>", "correct horse"); err != nil {
		t.Fatal(err)
	}
	secret, err := alice.ExportSecret(ctx, "alice@lab.test", "correct horse")
	if err != nil || !bytes.Contains(secret, []byte("PRIVATE KEY BLOCK")) {
		t.Fatalf("exported %q, %v", secret, err)
	}
	if err := other.Import(ctx, secret); err != nil {
		t.Fatal(err)
	}
	// It is still protected.
	if _, err := other.ExportSecret(ctx, "alice@lab.test", "wrong"); err == nil {
		t.Error("a wrong passphrase exports the key")
	}
	if again, err := other.ExportSecret(ctx, "alice@lab.test", "correct horse"); err != nil || !bytes.Contains(again, []byte("PRIVATE KEY BLOCK")) {
		t.Errorf("exported again: %q, %v", again, err)
	}
}

func TestGPGLeavesNoAgent(t *testing.T) {
	gpg, err := lab.NewGPG(bounded(t), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gpg.Generate(bounded(t), "alice@lab.test", ""); err != nil { // which starts the agent
		t.Fatal(err)
	}
	if err := gpg.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("pgrep", "-af", gpg.Home()).Output(); err == nil {
		t.Errorf("processes are left: %s", out)
	}
}

func TestGPGCopy(t *testing.T) {
	first := newGPG(t)
	alice := key(t, first, "Alice <alice@example.org>")
	second, err := first.Copy()
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, second.Close)
	key(t, second, "Bob <bob@example.net>")
	for _, gpg := range []*lab.GPG{first, second} {
		if _, err := gpg.Run(bounded(t), []byte("text"), "--armor", "--sign", "--local-user", alice); err != nil {
			t.Errorf("the secret key cannot be used: %v", err)
		}
	}
	if found, err := first.Fingerprint(bounded(t), "<bob@example.net>"); err == nil {
		t.Errorf("what was made in the copy is in the first ring, too: %s", found)
	}
}

// TestGPGCopies makes several copies at a time, of which each would end the first ring's agent.
func TestGPGCopies(t *testing.T) {
	first := newGPG(t)
	for n := range 3 {
		key(t, first, fmt.Sprintf("Alice <alice%d@example.org>", n)) // starts the agent
		var made sync.WaitGroup
		for range 8 {
			made.Go(func() {
				second, err := first.Copy()
				if err != nil {
					t.Error(err)
					return
				}
				if err := second.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		made.Wait()
	}
}
