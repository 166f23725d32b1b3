package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
)

// mailbox is a reader with a key and what the reader's programs keep of it. The programs share a key ring of gpg, and have
// folders of their own for everything else.
type mailbox struct {
	dir        string
	gpg        *lab.GPG
	passphrase string
	// key, author are files: the reader's secret key and the author's certificate.
	key, author string
	// authorKeys are the key IDs of the author's certificate, 16 hexadecimal digits each.
	authorKeys []string
}

// newMailbox gives a reader the own key, the author's certificate and the one of whoever has signed some letters before.
// gpg may be unable to take a key: then its programs will say so. The caller closes the mailbox.
func newMailbox(ctx context.Context, progress io.Writer, dir string, who correspondents, key *crypto.SecretKey, others []byte) (*mailbox, error) {
	secret, err := who.readersKey(key)
	if err != nil {
		return nil, err
	}
	m := &mailbox{dir: dir, passphrase: who.kind.passphrase, key: filepath.Join(dir, "key.asc"), author: filepath.Join(dir, "author.pgp")}
	if m.gpg, err = lab.NewGPG(ctx, progress); err != nil {
		return nil, err
	}
	// Somebody who sits at the terminal types the passphrase: clients have no other way to it.
	const pinentry = `#!/bin/sh
echo OK
while read -r command rest; do
	case $command in
	GETPIN) echo "D %s"; echo OK ;;
	BYE) echo OK; exit ;;
	*) echo OK ;;
	esac
done
`
	err = errors.Join(
		os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "pinentry"), fmt.Appendf(nil, pinentry, m.passphrase), 0o700),
		os.WriteFile(m.key, secret, 0o600),
		os.WriteFile(m.author, who.alice.Cert().Bytes(), 0o600),
		os.WriteFile(filepath.Join(m.gpg.Home(), "gpg.conf"), []byte("trust-model always\n"), 0o600),
		os.WriteFile(filepath.Join(m.gpg.Home(), "gpg-agent.conf"),
			[]byte("allow-loopback-pinentry\npinentry-program "+filepath.Join(dir, "pinentry")+"\n"), 0o600),
	)
	if err == nil {
		err = m.gpg.Import(ctx, others)
	}
	for _, keys := range [][]byte{who.alice.Cert().Bytes(), secret} {
		if err == nil && m.gpg.Import(ctx, keys) != nil && !who.kind.v6 {
			err = fmt.Errorf("gpg does not take a key (%s)", who.kind.name)
		}
	}
	if err == nil && !who.kind.v6 {
		m.authorKeys, err = m.gpg.KeyIDs(ctx, who.alice.Fingerprint())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a mailbox: %w", err), m.Close())
	}
	return m, nil
}

// Close ends what runs for the mailbox. Its folder is the caller's.
func (m *mailbox) Close() error { return m.gpg.Close() }

// env is what programs need that use the key ring of gpg.
func (m *mailbox) env() []string {
	return []string{"GNUPGHOME=" + m.gpg.Home(), "HOME=" + m.dir, "LC_ALL=C.UTF-8", "TERM=xterm"}
}

// namesAuthor reports whether a text holds the ID of one of the author's keys in upper case, by itself or as the end of a
// fingerprint.
func (m *mailbox) namesAuthor(text string) bool {
	return slices.ContainsFunc(m.authorKeys, func(id string) bool { return strings.Contains(text, id) })
}
