package config

import (
	"errors"
	"fmt"
	"slices"
)

// position is a place in a file; both count from 1, columns in octets.
type position struct{ line, column int }

// Error is one thing that is wrong with a configuration file.
type Error struct {
	File string
	// Line and Column count from 1; columns are octets.
	Line, Column int
	// Text names the key and says what would be right.
	Text string
}

// Error returns "file:line:column: text".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// errorList collects the errors of one file.
type errorList struct {
	file string
	all  []*Error
}

func (l *errorList) add(at position, format string, args ...any) {
	l.all = append(l.all, &Error{File: l.file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)})
}

// err joins the errors in the order of the file; nil if there are none.
func (l *errorList) err() error {
	slices.SortStableFunc(l.all, func(a, b *Error) int { return a.Line - b.Line })
	var errs []error
	for _, e := range l.all {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
