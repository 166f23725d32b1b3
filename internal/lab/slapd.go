package lab

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// The LDAP names of every [Slapd].
const (
	// SlapdBase is the entry under which the keys lie.
	SlapdBase = "ou=PGP Keys,dc=lab,dc=example"
	// SlapdPeople is the entry under which people with a mail address lie.
	SlapdPeople = "ou=People,dc=lab,dc=example"
	// SlapdBindDN and SlapdPassword log in; nobody else can read what is under [SlapdSecret].
	SlapdBindDN   = "cn=reader,dc=lab,dc=example"
	SlapdPassword = "open sesame"
	// SlapdSecret is the entry under which keys lie for those who have logged in.
	SlapdSecret = "ou=Secret Keys,dc=lab,dc=example"
	// SlapdReferral is an entry that refers to another server.
	SlapdReferral = "ou=Elsewhere,dc=lab,dc=example"
	// SlapdServerName is the name in the server's certificate, which is for 127.0.0.1, too.
	SlapdServerName = "ldap.lab.example"
)

// SlapdKey is an entry of the usual schema of PGP key servers.
type SlapdKey struct {
	// Under is the entry above it; "" stands for [SlapdBase].
	Under string
	// CertID has 16 hexadecimal digits, Fingerprint 40 or 64, and is optional.
	CertID, Fingerprint string
	UserIDs             []string
	// Key is what pgpKey holds, usually an armored certificate.
	Key      []byte
	Disabled bool
}

// SlapdPerson is an entry with a mail address and a binary certificate in the attribute userPGPCertificate.
type SlapdPerson struct {
	Name, Mail string
	Cert       []byte
}

// SlapdConfig says what a server has.
type SlapdConfig struct {
	Keys   []SlapdKey
	People []SlapdPerson
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// Slapd is OpenLDAP's server from Debian's package on loopback. One goroutine at a time may start and stop it.
type Slapd struct {
	// Addr is the address for plain LDAP and StartTLS, TLSAddr that for LDAP over TLS, both "127.0.0.1:port".
	Addr, TLSAddr string
	// Roots verify the server's certificate.
	Roots *x509.CertPool

	tree Tree
	scratch
	process *Process
	logs    strings.Builder // of processes that have ended
}

// StartSlapd starts a server with these entries and returns when it accepts connections. The caller closes it.
func StartSlapd(ctx context.Context, config SlapdConfig) (*Slapd, error) {
	tree, err := Unpack(ctx, config.Progress, "slapd")
	if err != nil {
		return nil, fmt.Errorf("start slapd: %w", err)
	}
	s := &Slapd{tree: tree}
	if err := s.prepare(ctx, config); err != nil {
		return nil, fmt.Errorf("start slapd: %w", errors.Join(err, s.Close()))
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare reserves the ports and fills the folder.
func (s *Slapd) prepare(ctx context.Context, config SlapdConfig) (err error) {
	if err := s.claim(&s.Addr, &s.TLSAddr); err != nil {
		return err
	}
	certificate, roots, err := issueLoopback(SlapdServerName)
	if err != nil {
		return err
	}
	s.Roots = roots
	certificatePEM, keyPEM, err := encodePEM(certificate)
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.path("data"), 0o700); err != nil {
		return err
	}
	err = s.write(0o600, map[string]string{
		"cert.pem":     certificatePEM,
		"key.pem":      keyPEM,
		"pgp.schema":   pgpSchema,
		"slapd.conf":   slapdConf(s.tree, s.dir),
		"entries.ldif": slapdEntries(config),
	})
	if err != nil {
		return err
	}
	// slapd plays slapadd when it is told so first.
	add := s.command(ctx, "-Tadd", "-f", s.path("slapd.conf"), "-l", s.path("entries.ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("load the entries: %w%s", err, quoteLog(string(out)))
	}
	return nil
}

func (s *Slapd) command(ctx context.Context, args ...string) *exec.Cmd {
	return s.tree.Command(ctx, "/usr/sbin/slapd", args...)
}

// Start starts the server again after [Slapd.Stop], with the same addresses and entries.
func (s *Slapd) Start(ctx context.Context) error {
	const statistics = "256" // log level: connections, operations, results
	var err error
	s.process, err = StartProcess(s.command(context.WithoutCancel(ctx), "-d", statistics, "-f", s.path("slapd.conf"),
		"-h", "ldap://"+s.Addr+" ldaps://"+s.TLSAddr))
	if err == nil {
		err = s.process.WaitListen(ctx, "tcp", s.TLSAddr)
	}
	if err != nil {
		return fmt.Errorf("start slapd: %w", err)
	}
	return nil
}

// Stop ends the server and its connections. Its entries stay.
func (s *Slapd) Stop(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	err := s.process.Stop(ctx)
	s.logs.WriteString(s.process.Log())
	s.process = nil
	return err
}

// Log returns what the server has logged so far.
func (s *Slapd) Log() string {
	if s.process == nil {
		return s.logs.String()
	}
	return s.logs.String() + s.process.Log()
}

// Close ends the server and removes its entries. It may be called again.
func (s *Slapd) Close() error {
	ctx, cancel := untilKilled()
	defer cancel()
	return errors.Join(s.Stop(ctx), s.release())
}
