package labtest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Encipher encrypts with the machine's own "openssl cms -encrypt", which takes the certificates and then the arguments.
func Encipher(t testing.TB, input []byte, to []*x509.Certificate, args ...string) []byte {
	t.Helper()
	command := []string{"cms", "-encrypt"}
	dir := t.TempDir()
	for _, c := range to {
		file := filepath.Join(dir, c.SerialNumber.String()+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		command = append(command, "-recip", file)
	}
	return OpenSSL(t, input, append(command, args...)...)
}

// OpenSSL returns the output of the machine's own openssl, which must succeed.
func OpenSSL(t testing.TB, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return output
}

// NewX509 completes a certificate that signs itself. Where the template leaves it open, it is valid from an hour before now
// for a day.
func NewX509(t testing.TB, now time.Time, template x509.Certificate, key crypto.Signer) *x509.Certificate {
	t.Helper()
	if template.NotBefore.IsZero() {
		template.NotBefore = now.Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = now.Add(24 * time.Hour)
	}
	if template.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
		if err != nil {
			t.Fatal(err)
		}
		template.SerialNumber = serial.Add(serial, big.NewInt(1))
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
