package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// AddressPage is a piece of the list of all addresses for which a certificate is stored, as it is looked at.
type AddressPage struct {
	// Search is a text that the addresses have in them, "" for any.
	Search string
	// After and Before are addresses that are not on the page themselves: it begins behind After, or ends in front of
	// Before. With neither, it is the first page; Before counts if both are there.
	After, Before string
	// Limit is how many addresses the page has at most.
	Limit int
}

// Addresses returns the addresses of a page in order: those for which a source has given a certificate, and those with a
// pin. It also returns whether there are more in the direction that the page goes.
func (s *Store) Addresses(ctx context.Context, p AddressPage) (all []string, more bool, err error) {
	compare, order, from := ">", "", p.After
	if p.Before != "" {
		compare, order, from = "<", " DESC", p.Before
	}
	// Each table gives no more than the page has, by its own index, however many addresses there are.
	part := func(table string) string {
		return `SELECT address FROM (SELECT DISTINCT address FROM ` + table + ` WHERE address ` + compare + ` $1 AND address LIKE $2 ESCAPE '\'
			ORDER BY address` + order + ` LIMIT $3) AS ` + table + `_page`
	}
	all, err = collect(ctx, s.read, func(rows *sql.Rows, address *string) error { return rows.Scan(address) },
		part("pin")+` UNION `+part("certificate_address")+` ORDER BY address`+order+` LIMIT $3`, from, containing(p.Search), p.Limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(all) > p.Limit; more {
		all = all[:p.Limit]
	}
	if p.Before != "" {
		slices.Reverse(all)
	}
	return all, more, nil
}

// CountAddresses returns how many addresses [Store.Addresses] goes through in all.
func (s *Store) CountAddresses(ctx context.Context) (int, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, n *int) error { return rows.Scan(n) },
		`SELECT count(*) FROM (SELECT address FROM pin UNION SELECT address FROM certificate_address) AS every`))
}

// containing is the pattern of LIKE for texts that have a text in them.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}
