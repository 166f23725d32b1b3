package premises

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/shell"
)

// maxArchiveFile bounds the file with the archive's certificate, in octets: the largest certificate in ASCII armor fits.
const maxArchiveFile = 2 << 20

// archiveWarning is how long before its end a certificate of the archive is warned about.
const archiveWarning = 30 * 24 * time.Hour

// ReadArchive reads the certificate to which every encrypted copy is encrypted, too; nil if the configuration names no
// file. One that cannot be encrypted to now is no error: only what is to be encrypted waits until there is a better one.
func ReadArchive(c config.Crypto) (*crypto.Cert, error) {
	if c.ArchiveCertificate == "" {
		return nil, nil
	}
	cert, err := readOneCert(c.ArchiveCertificate)
	if err != nil {
		return nil, fmt.Errorf("crypto.archive_certificate: %w", err)
	}
	return cert, nil
}

// readOneCert reads a file that holds one certificate, binary or in ASCII armor, and nothing else of OpenPGP.
func readOneCert(file string) (*crypto.Cert, error) {
	f, err := os.Open(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; put the certificate there, such as with gpg --export --armor, or name another file", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w; let the user that runs sealmilter serve read it: chmod 0644 %s", err, shell.Quote(file))
	case err != nil:
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file; name a file with the certificate", file)
	case info.Size() > maxArchiveFile:
		return nil, fmt.Errorf("%s is larger than %d octets; it should hold one certificate", file, maxArchiveFile)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("others may write %s (mode %04o), and whoever puts a certificate there reads all mail; chmod go-w %s",
			file, info.Mode().Perm(), shell.Quote(file))
	}
	ring, err := crypto.ReadKeyring(io.LimitReader(f, maxArchiveFile))
	switch {
	case len(ring.Secrets) > 0:
		return nil, fmt.Errorf("%s holds a secret key, which has no place on this host; export the certificate alone: gpg --export --armor %s",
			file, ring.Secrets[0].Cert().Fingerprint())
	case len(ring.Skipped) > 0:
		return nil, fmt.Errorf("%s: %w; export the certificate again", file, ring.Skipped[0])
	case err != nil:
		return nil, fmt.Errorf("%s: %w; export the certificate again", file, err)
	case len(ring.Certs) != 1 || len(ring.Revocations) > 0:
		return nil, fmt.Errorf("%s holds %d certificates and %d revocations; leave one certificate in it and nothing else", file,
			len(ring.Certs), len(ring.Revocations))
	}
	return ring.Certs[0], nil
}

// ArchiveTrouble says what is wrong with the archive's certificate, or is soon going to be; "" for nothing. It is unusable
// if nothing can be encrypted to it now.
func ArchiveTrouble(archive *crypto.Cert, now time.Time) (text string, unusable bool) {
	if err := archive.Check(now); err != nil {
		return fmt.Sprintf("nothing can be encrypted to the certificate %s of the archive: %v", archive.Fingerprint(), err), true
	}
	if expires, does := archive.Expires(now); does && expires.Before(now.Add(archiveWarning)) {
		return fmt.Sprintf("the certificate %s of the archive expires on %s", archive.Fingerprint(), expires.Format(time.DateOnly)), false
	}
	return "", false
}

// WatchArchive logs what is wrong with the archive's certificate.
func WatchArchive(archive *crypto.Cert, log *slog.Logger, now time.Time) {
	if archive == nil {
		return
	}
	switch text, unusable := ArchiveTrouble(archive, now); {
	case unusable:
		event.ArchiveUnusable.Log(log, event.Why(text))
	case text != "":
		event.ArchiveExpiring.Log(log, event.Why(text))
	}
}
