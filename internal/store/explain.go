package store

import "errors"

// explained is an error of a database with what an administrator can do about it.
type explained struct {
	error
	advice string
}

func (e *explained) Error() string { return e.error.Error() + "; " + e.advice }
func (e *explained) Unwrap() error { return e.error }

// explain adds advice to an error of a database, once.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*explained](err); done {
		return err
	}
	for _, advise := range []func(error) string{adviceSQLite, advicePostgres} {
		if advice := advise(err); advice != "" {
			return &explained{err, advice}
		}
	}
	return err
}
