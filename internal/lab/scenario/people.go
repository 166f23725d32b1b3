package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// The people of the cases. The local user www-data may send as alice, and games only as games@mx.lab.test. Every login
// has its own name as password and the address NAME@example.org.
var (
	logins  = []string{"alice", "eve", "nokey"}
	signers = []string{"alice@example.org", "eve@example.org", "alice@bücher.example"}
	keyed   = []string{"bob@example.net", "dave@example.net", "Carol.Upper@Example.NET", "dörte@münchen.example"}
)

// People have the keys of everybody in the cases: the secret ones of the mailboxes, and what the program knows when a case
// begins. Making them starts some fifty programs, so worlds share them: each has a copy. Once made they are safe for
// concurrent use.
type People struct {
	dir       string            // holds "state", a state directory of the program
	gpg       *lab.GPG          // of the mailboxes
	prints    map[string]string // fingerprints by address
	published map[string][]byte // certificates that only their domains have, by address
	archives  map[string][]byte // certificates by the file beside the configuration
}

// MakePeople has gpg and a program built from cmd/sealmilter make everybody's keys. The caller closes them.
func MakePeople(ctx context.Context, program string, progress io.Writer) (*People, error) {
	p := &People{prints: map[string]string{}, published: map[string][]byte{}, archives: map[string][]byte{}}
	if err := p.make(ctx, program, progress); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *People) make(ctx context.Context, program string, progress io.Writer) (err error) {
	if p.gpg, err = lab.NewGPG(ctx, progress); err != nil {
		return err
	}
	if p.dir, err = os.MkdirTemp("/tmp", "sealmilter-people-"); err != nil {
		return err
	}
	for _, addr := range published {
		if p.published[addr], err = p.makeKey(ctx, addr); err != nil {
			return err
		}
	}
	return errors.Join(p.makeState(ctx, program), p.makeArchives(ctx))
}

// makeState gives recipients keys made by gpg, and senders keys made by the program.
func (p *People) makeState(ctx context.Context, program string) error {
	config := filepath.Join(p.dir, "sealmilter.toml")
	text := fmt.Appendf(nil, "state = %q\nkeys.sources = [\"local\"]\n", filepath.Join(p.dir, "state"))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	for _, addr := range keyed {
		cert, err := p.makeKey(ctx, addr)
		if err != nil {
			return err
		}
		if _, err := execute(ctx, program, config, cert, []string{"keys", "import", "-"}); err != nil {
			return err
		}
	}
	for _, addr := range signers {
		if _, err := execute(ctx, program, config, nil, []string{"keys", "generate", addr}); err != nil {
			return err
		}
		// With their secret keys they read the milter's notices.
		secret, err := execute(ctx, program, config, nil, []string{"keys", "export", "--secret", addr})
		if err != nil {
			return err
		}
		if err := p.gpg.Import(ctx, secret); err != nil {
			return err
		}
	}
	return nil
}

// makeArchives makes certificates of archives: one that is in use, and one that has expired.
func (p *People) makeArchives(ctx context.Context) (err error) {
	if p.archives["archive.asc"], err = p.makeKey(ctx, "archive@example.org"); err != nil {
		return err
	}
	if _, err := p.gpg.Run(ctx, nil, "--faked-system-time", "20240101T000000", "--quick-generate-key", "retired@example.org",
		"future-default", "default", "2024-02-01"); err != nil {
		return err
	}
	p.archives["retired.asc"], err = p.gpg.ExportPublic(ctx, "retired@example.org")
	return err
}

// makeKey makes a key by gpg for a mailbox, and returns the certificate.
func (p *People) makeKey(ctx context.Context, addr string) ([]byte, error) {
	print, err := p.gpg.Generate(ctx, addr, "")
	if err != nil {
		return nil, err
	}
	p.prints[strings.ToLower(addr)] = print
	return p.gpg.ExportPublic(ctx, print)
}

// writeTo writes what lies beside the configuration of a world, and the state directory that its cases get a copy of.
func (p *People) writeTo(dir string) error {
	if err := lab.CopyPrivate(filepath.Join(dir, "state"), filepath.Join(p.dir, "state")); err != nil {
		return err
	}
	for name, cert := range p.archives {
		if err := os.WriteFile(filepath.Join(dir, name), cert, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the keys. Worlds keep theirs.
func (p *People) Close() error {
	var ended error
	if p.gpg != nil {
		ended = p.gpg.Close()
	}
	return errors.Join(ended, os.RemoveAll(p.dir))
}
