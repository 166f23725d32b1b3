package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// OpenDKIMConfig says how a signer differs from Debian's.
type OpenDKIMConfig struct {
	// Domain is the domain whose mail is signed.
	Domain string
	// Canonicalization of header and body (RFC 6376, section 3.4); "" stands for Debian's, "relaxed/simple".
	Canonicalization string
	// Lines are the lines of opendkim.conf(5) that tell which fields are signed; "" stands for Debian's "OversignHeaders
	// From".
	Lines string
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// OpenDKIM is the real signer from Debian's package with a key of its own. One goroutine at a time may start and stop
// it; its other methods are safe for concurrent use.
type OpenDKIM struct {
	// Addr is where MTAs find the milter, "127.0.0.1:port".
	Addr string
	// Domain and Selector are the tags d= and s= of its signatures.
	Domain, Selector string
	// Record is the TXT record of its key (RFC 6376, section 3.6.1), and RecordName the name that has it.
	Record, RecordName string

	tree Tree
	scratch
	process *Process
}

// StartOpenDKIM makes a key, starts a signer with it and returns when it accepts connections. It signs what comes from
// this host and from clients that have logged in, as it does unless it is told otherwise. The caller closes it.
func StartOpenDKIM(ctx context.Context, config OpenDKIMConfig) (*OpenDKIM, error) {
	tree, err := Unpack(ctx, config.Progress, "opendkim")
	if err != nil {
		return nil, fmt.Errorf("start OpenDKIM: %w", err)
	}
	const selector = "lab"
	o := &OpenDKIM{tree: tree, Domain: config.Domain, Selector: selector, RecordName: selector + "._domainkey." + config.Domain}
	if err := o.prepare(config); err != nil {
		return nil, fmt.Errorf("start OpenDKIM: %w", errors.Join(err, o.Close()))
	}
	if err := o.Start(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// prepare reserves the port and writes key, record and configuration.
func (o *OpenDKIM) prepare(config OpenDKIMConfig) error {
	if err := o.claim(&o.Addr); err != nil {
		return err
	}
	const bits = 2048 // RFC 8301, section 3.2: verifiers take 1024 to 4096
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	o.Record = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	canonicalization := config.Canonicalization
	if canonicalization == "" {
		canonicalization = "relaxed/simple"
	}
	lines := config.Lines
	if lines == "" {
		lines = "OversignHeaders From\n"
	}
	return o.write(0o600, map[string]string{
		"key.pem": string(private),
		"records": o.RecordName + " " + o.Record + "\n",
		// The folder lies in /tmp, into which everybody may write: OpenDKIM would not take a key from there.
		"sign.conf": fmt.Sprintf(`Mode s
Domain %s
Selector %s
KeyFile %s
RequireSafeKeys no
Canonicalization %s
Socket inet:%s@127.0.0.1
PidFile %s
Syslog no
%s`, o.Domain, o.Selector, o.path("key.pem"), canonicalization, portOf(o.Addr), o.path("pid"), lines),
		"verify.conf": fmt.Sprintf(`Mode v
TestDNSData file:%s
Socket inet:%s@127.0.0.1
Syslog no
`, o.path("records"), portOf(o.Addr)),
	})
}

func (o *OpenDKIM) command(ctx context.Context, args ...string) *exec.Cmd {
	return o.tree.Command(ctx, "/usr/sbin/opendkim", args...)
}

// Start starts the signer again after [OpenDKIM.Stop], at the same address and with the same key.
func (o *OpenDKIM) Start(ctx context.Context) error {
	var err error
	o.process, err = StartProcess(o.command(context.WithoutCancel(ctx), "-f", "-x", o.path("sign.conf")))
	if err == nil {
		err = o.process.WaitListen(ctx, "tcp", o.Addr)
	}
	if err != nil {
		return fmt.Errorf("start OpenDKIM: %w", err)
	}
	return nil
}

// Stop ends the signer and its connections at once. Its key stays.
func (o *OpenDKIM) Stop() error {
	if o.process == nil {
		return nil
	}
	err := o.process.Kill() // asked to end, it would first wait for MTAs that keep their connections
	o.process = nil
	return err
}

// LookupTXT answers as the DNS would that has the record and no other name.
func (o *OpenDKIM) LookupTXT(name string) ([]string, error) {
	if strings.TrimSuffix(name, ".") != o.RecordName {
		return nil, fmt.Errorf("the laboratory has no TXT record for %s", name)
	}
	return []string{o.Record}, nil
}

// Verify lets OpenDKIM's own verifier judge a message. It is an error if the message has no signature, or if one of
// those that it has does not verify.
func (o *OpenDKIM) Verify(ctx context.Context, message []byte) error {
	cmd := o.command(ctx, "-x", o.path("verify.conf"), "-t", "-")
	cmd.Stdin = bytes.NewReader(message)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("verify with OpenDKIM: %w%s", err, quoteLog(string(out)))
	}
	if verdict := string(out); !strings.Contains(verdict, " succeeded\n") || strings.Contains(verdict, "failed") {
		return fmt.Errorf("verify with OpenDKIM: %s", strings.TrimSpace(verdict))
	}
	return nil
}

// Close ends the signer and removes its key. It may be called again.
func (o *OpenDKIM) Close() error {
	return errors.Join(o.Stop(), o.release())
}
