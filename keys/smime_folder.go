package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Limits of a folder; the first is in octets.
const (
	maxSMIMEFile  = 4 << 20
	maxSMIMEFiles = 100_000
)

// ReadSMIME reads the X.509 certificates in the files of a folder, PEM with any number of certificates or one in DER. Files
// whose names begin with a dot, and folders, are left alone. A certificate of an authority in a chain belongs to no address,
// and is passed over. What else cannot be used is reported with its file, and costs nobody else's certificate; the error is
// about the folder as a whole. An empty path is a folder without files.
func ReadSMIME(dir string, report func(file string, problem error)) (*SMIME, error) {
	s := &SMIME{byAddress: map[string][]*x509.Certificate{}}
	if dir == "" {
		return s, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the certificates for S/MIME: %w; make the folder, or set smime in [keys] to another one", err)
	}
	files := 0
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		file := filepath.Join(dir, entry.Name())
		info, err := os.Stat(file) // of what a link leads to
		switch {
		case err == nil && info.IsDir():
			continue
		case err == nil && !info.Mode().IsRegular():
			err = errors.New("it is no file")
		}
		if files++; files > maxSMIMEFiles {
			return nil, fmt.Errorf("read the certificates for S/MIME: %s has more than %d files", dir, maxSMIMEFiles)
		}
		if err != nil {
			report(file, err)
			continue
		}
		for _, problem := range s.readFile(file) {
			report(file, problem)
		}
	}
	return s, nil
}

func (s *SMIME) readFile(file string) (problems []error) {
	f, err := os.Open(file)
	if err != nil {
		return []error{err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSMIMEFile+1))
	switch {
	case err != nil:
		return []error{err}
	case len(b) > maxSMIMEFile:
		return []error{fmt.Errorf("it is larger than %d octets", maxSMIMEFile)}
	}
	begin := []byte("-----BEGIN ")
	if !bytes.Contains(b, begin) {
		if err := s.parse(b); err != nil {
			return []error{err}
		}
		return nil
	}
	number := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		number++
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			err = errors.New("it is a private key; it has no business here")
		case block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE":
			err = fmt.Errorf("it is a %.40q, where only certificates are read", block.Type)
		default:
			err = s.parse(block.Bytes)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("block %d: %w", number, err))
		}
	}
	if number < bytes.Count(b, begin) {
		problems = append(problems, errors.New("it has a block of PEM that cannot be read"))
	}
	return problems
}

// parse adds a certificate in DER.
func (s *SMIME) parse(der []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("it is no certificate that can be read: %w", err)
	}
	addrs := addressesOf(c)
	switch why := whyNoRecipient(c); {
	case len(addrs) == 0 && c.IsCA:
		return nil
	case len(addrs) == 0:
		return fmt.Errorf("the certificate of %q has no mail address, neither as an alternative name nor in its subject", c.Subject)
	case why != "":
		return fmt.Errorf("nothing can be encrypted to the certificate of %q: %s", c.Subject, why)
	}
	s.add(c, addrs)
	return nil
}
