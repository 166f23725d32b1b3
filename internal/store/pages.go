package store

import "iter"

// pages goes through rows in the order of their keys, page by page: no lock is held while the caller looks at one.
// next returns up to limit rows whose keys come after last.
func pages[T any](next func(last string, limit int) ([]T, error), key func(T) string) iter.Seq2[T, error] {
	const page = 128
	return func(yield func(T, error) bool) {
		for last := ""; ; {
			rows, err := next(last, page)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
				last = key(row)
			}
			if len(rows) < page {
				return
			}
		}
	}
}
