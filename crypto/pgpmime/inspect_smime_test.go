package pgpmime_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
)

// TestInspectSMIME has messages as OpenSSL writes them, headers included, and what only looks like them.
func TestInspectSMIME(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bob := labtest.NewX509(t, now, x509.Certificate{Subject: pkix.Name{CommonName: "bob"}, SubjectKeyId: []byte("bob")}, key)
	eve := labtest.NewX509(t, now, x509.Certificate{Subject: pkix.Name{CommonName: "eve"}, SubjectKeyId: []byte("eve")}, curve)
	toBob, toBoth := []*x509.Certificate{bob}, []*x509.Certificate{bob, eve}
	text := []byte("Content-Type: text/plain\r\n\r\n" + strings.Repeat("the secret text\r\n", 2000))
	encipher := func(to []*x509.Certificate, args ...string) string {
		return string(labtest.Encipher(t, text, to, append([]string{"-outform", "SMIME", "-subject", "secret"}, args...)...))
	}
	message := encipher(toBob, "-aes256")
	change := func(old, new string) string {
		t.Helper()
		if !strings.Contains(message, old) {
			t.Fatalf("no %q in %.500s", old, message)
		}
		return strings.Replace(message, old, new, 1)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: bob.Raw},
		keyFile: {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signed := string(labtest.OpenSSL(t, text, "cms", "-sign", "-signer", certFile, "-inkey", keyFile, "-nodetach", "-outform", "SMIME"))
	_, body, _ := strings.Cut(message, "\n\n")
	for _, tc := range []struct {
		name, text                string
		encrypted, forBob, forEve bool
	}{
		{"as it is", message, true, true, false},
		{"to both", encipher(toBoth, "-aes256", "-stream"), true, true, true},
		{"to both by key", encipher(toBoth, "-aes128", "-keyid"), true, true, true},
		{"authenticated", encipher(toBoth, "-aes-256-gcm"), true, true, true},
		{"smime(1)", string(labtest.OpenSSL(t, text, "smime", "-encrypt", "-aes256", certFile)), true, true, false},
		{"without a smime-type", change("smime-type=enveloped-data; ", ""), true, true, false},
		{"of the old type", change("application/pkcs7-mime", "application/x-pkcs7-mime"), true, true, false},
		{"by its name", "Content-Disposition: attachment; filename=\"smime.P7M\"\nContent-Type: application/octet-stream\n" + inBase64 + body, true, true, false},

		{"signed", signed, false, false, false},
		{"signed under another type", strings.Replace(signed, "signed-data", "enveloped-data", 1), false, false, false},
		{"under the type of a signed one", change("enveloped-data", "signed-data"), false, false, false},
		{"under two types", change("enveloped-data", "enveloped-data; smime-type=signed-data"), false, false, false},
		{"by no name", "Content-Type: application/octet-stream\n" + inBase64 + body, false, false, false},
		{"as text", "Content-Type: text/plain; name=smime.p7m\n" + inBase64 + body, false, false, false},
		{"not in base64", change("base64", "7bit"), false, false, false},
		{"text behind it", message + "\nsecret\n", false, false, false},
		{"text before it", change("\n\n", "\n\nsecret "), false, false, false},
		{"cut off", message[:len(message)-100], false, false, false},
		{"text under the type", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nsecret\n", false, false, false},
		{"nothing under the type", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n", false, false, false},
		{"OpenPGP under the type", "Content-Type: application/pkcs7-mime\n\n" + newInspected(t).armored, false, false, false},
		{"as a part", mixedRoot + "\n--b\n" + message + end, false, false, false},
		{"as a message in a message", "Content-Type: message/rfc822\n\n" + message, false, false, false},
	} {
		p := pgpmime.Inspect(parseMessage(tc.text))
		if p.Encrypted() != tc.encrypted || p.ForX509(bob) != tc.forBob || p.ForX509(eve) != tc.forEve {
			t.Errorf("%s: encrypted %t, for bob %t, for eve %t", tc.name, p.Encrypted(), p.ForX509(bob), p.ForX509(eve))
		}
		if p.For(generate(t, "bob@example.net").Cert()) {
			t.Errorf("%s is for a key of OpenPGP", tc.name)
		}
	}
	if bytes.Contains([]byte(body), []byte("secret")) {
		t.Error("OpenSSL has encrypted nothing")
	}
}
