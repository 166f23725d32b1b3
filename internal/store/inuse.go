package store

import (
	"context"
	"database/sql"
	"iter"
	"strings"
)

// InUse is a certificate that is used for an address, or may be with the next message to it.
type InUse struct {
	Address, Fingerprint string
	// Source gave the certificate.
	Source string
	// Pinned says that it is the one in use. An address without a pin may have several.
	Pinned bool
	// Blob is nil if the certificate is gone.
	Blob []byte
}

// unpinnedInUse follows the order of the table's key, so that a page costs what is on it, however many are to come.
const unpinnedInUse = `SELECT a.address, a.source, a.fingerprint, FALSE, c.blob
	FROM certificate_address a JOIN certificate c ON c.fingerprint = a.fingerprint
	WHERE (a.address, a.source, a.fingerprint) > ($1, $2, $3) AND NOT EXISTS (SELECT 1 FROM pin p WHERE p.address = a.address)
	ORDER BY a.address, a.source, a.fingerprint LIMIT $4`

// CertificatesInUse goes through the addresses with a pin, and then through those without one for which a source has given
// certificates; each time by address. It reads page by page and keeps no lock while the caller looks at one; an error ends it.
func (s *Store) CertificatesInUse(ctx context.Context) iter.Seq2[InUse, error] {
	scan := func(rows *sql.Rows, u *InUse) error {
		return rows.Scan(&u.Address, &u.Source, &u.Fingerprint, &u.Pinned, &u.Blob)
	}
	pinned := pages(func(last string, limit int) ([]InUse, error) {
		return collect(ctx, s.read, scan, `SELECT p.address, p.source, p.fingerprint, TRUE, c.blob
			FROM pin p LEFT JOIN certificate c ON c.fingerprint = p.fingerprint
			WHERE p.address > $1 ORDER BY p.address LIMIT $2`, last, limit)
	}, func(u InUse) string { return u.Address })
	const between = "\x00" // is in no address
	others := pages(func(last string, limit int) ([]InUse, error) {
		at := append(strings.Split(last, between), "", "")
		return collect(ctx, s.read, scan, unpinnedInUse, at[0], at[1], at[2], limit)
	}, func(u InUse) string { return u.Address + between + u.Source + between + u.Fingerprint })
	return func(yield func(InUse, error) bool) {
		for _, part := range []iter.Seq2[InUse, error]{pinned, once(others)} {
			for u, err := range part {
				if !yield(u, err) || err != nil {
					return
				}
			}
		}
	}
}

// once leaves out a certificate that another source has given for the same address.
func once(all iter.Seq2[InUse, error]) iter.Seq2[InUse, error] {
	return func(yield func(InUse, error) bool) {
		address := ""
		seen := make(map[string]bool)
		for u, err := range all {
			if u.Address != address {
				address = u.Address
				clear(seen)
			}
			if seen[u.Fingerprint] && err == nil {
				continue
			}
			seen[u.Fingerprint] = true
			if !yield(u, err) {
				return
			}
		}
	}
}
