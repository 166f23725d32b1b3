package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/lab"
)

// Cluster is a world of relay hosts that send for the same people, behind MTAs of the caller's. Nobody has a key before
// the caller gives them one.
type Cluster struct {
	// Sink is the next hop of every MTA, and Auth their password server.
	Sink *lab.Sink
	Auth *lab.Auth

	world *World
	hosts []*Host
	keys  int // made so far; gpg wants every User ID to be new
}

// NewCluster builds a cluster without hosts around a program built from cmd/sealmilter. The caller closes it.
func NewCluster(ctx context.Context, program string, progress io.Writer) (*Cluster, error) {
	w := &World{program: program, prints: map[string]string{}}
	ring := func() (*lab.GPG, error) { return lab.NewGPG(ctx, progress) }
	if err := w.build(ring); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Cluster{Sink: w.Sink, Auth: w.Auth, world: w}, nil
}

// Certificate makes a key for an address in the mailboxes' keyring and returns the fingerprint and the certificate. An
// address may have several; each was created a day after the one before.
func (c *Cluster) Certificate(ctx context.Context, addr string) (fingerprint string, cert []byte, err error) {
	c.keys++
	created := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, c.keys)
	userID := fmt.Sprintf("Key %d <%s>", c.keys, addr)
	if _, err := c.world.gpg.Run(ctx, nil, "--faked-system-time", created.Format("20060102T150405"),
		"--quick-generate-key", userID, "future-default", "default", "never"); err != nil {
		return "", nil, err
	}
	if fingerprint, err = c.world.gpg.Fingerprint(ctx, "="+userID); err != nil {
		return "", nil, err
	}
	cert, err = c.world.gpg.ExportPublic(ctx, fingerprint)
	return fingerprint, cert, err
}

// Revoke returns a certificate with its revocation. The mailboxes can still read what is encrypted to it.
func (c *Cluster) Revoke(ctx context.Context, fingerprint string) ([]byte, error) {
	// gpg makes a revocation with each key, and a colon keeps it from being used by mistake.
	text, err := os.ReadFile(filepath.Join(c.world.gpg.Home(), "openpgp-revocs.d", fingerprint+".rev"))
	if err != nil {
		return nil, err
	}
	if err := c.world.gpg.Import(ctx, bytes.Replace(text, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1)); err != nil {
		return nil, err
	}
	return c.world.gpg.ExportPublic(ctx, fingerprint)
}

// Meet gives the certificate of a sender to the mailboxes, as a host has it.
func (c *Cluster) Meet(ctx context.Context, h *Host, addr string) error {
	cert, err := h.Run(ctx, nil, "keys", "export", addr)
	if err != nil {
		return err
	}
	return c.world.gpg.Import(ctx, cert)
}

// EncryptedTo reports whether a message can be read with the key of that fingerprint.
func (c *Cluster) EncryptedTo(ctx context.Context, message []byte, fingerprint string) (bool, error) {
	opened, err := c.world.gpg.Open(ctx, message)
	if err != nil {
		return false, err
	}
	ids, err := c.world.gpg.KeyIDs(ctx, fingerprint)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(opened.Recipients, func(id string) bool { return slices.Contains(ids, id) }), nil
}

// ParseCase reads a case as the files of the folder cases have it. Of its sections, config is for [World.Play] alone.
func ParseCase(name, mta, text string) (*Case, error) {
	return parse(name, []string{mta}, []byte(text))
}

// Submit says the dialogue of a case to the MTA of a host and waits until its queue is empty. It returns what has
// arrived meanwhile.
func (c *Cluster) Submit(ctx context.Context, k *Case, mta MTA) ([]lab.Delivery, error) {
	before := len(c.Sink.Deliveries())
	p := player{ctx: ctx, c: k, mta: mta}
	err := p.run()
	if err == nil {
		err = mta.WaitEmpty(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s--- MTA\n%s", k.Name, err, c.logs(), lastLines(mta.Log(), 40))
	}
	return c.Sink.Deliveries()[before:], nil
}

// Check compares what has arrived with what the case wants, and nothing else may have.
func (c *Cluster) Check(ctx context.Context, k *Case, arrived []lab.Delivery) error {
	if err := c.world.check(ctx, k, arrived); err != nil {
		return fmt.Errorf("%s: %w\n%s", k.Name, err, c.logs())
	}
	return nil
}

// logs quotes what the milters have printed.
func (c *Cluster) logs() string {
	var b strings.Builder
	for _, h := range c.hosts {
		fmt.Fprintf(&b, "--- milter %s\n%s\n", h.name, lastLines(h.Log(), 40))
	}
	return b.String()
}

// Close ends what the cluster started, milters included.
func (c *Cluster) Close() error {
	var failures []error
	for _, h := range c.hosts {
		failures = append(failures, h.close())
	}
	c.hosts = nil
	return errors.Join(append(failures, c.world.Close())...)
}
