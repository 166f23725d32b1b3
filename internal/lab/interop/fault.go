package interop

import (
	"errors"
	"slices"
	"strings"
)

// fault is what is wrong with a message as a program reads it. Anything else is an error of the run.
type fault struct {
	// what goes into the table, so it says the same in every run.
	what string
	// detail is for whoever studies it.
	detail string
}

func (f *fault) Error() string {
	if f.detail == "" {
		return f.what
	}
	return f.what + ": " + f.detail
}

// yes is the cell of what was checked and has no fault.
const yes = "yes"

// cell returns the text of a cell. The error is one that is no fault.
func cell(v6 bool, err error) (string, error) {
	if err == nil {
		return yes, nil
	}
	found, err := faults(err)
	switch {
	case err != nil:
		return "", err
	case v6:
		return "cannot (v6)", nil
	}
	var what []string
	for _, f := range found {
		if !slices.Contains(what, f.what) {
			what = append(what, f.what)
		}
	}
	return "no: " + strings.Join(what, "; "), nil
}

// faults takes joined errors apart. The error it returns is the first that is no fault.
func faults(err error) ([]*fault, error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*fault
		for _, one := range joined.Unwrap() {
			some, err := faults(one)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	if f := new(fault); errors.As(err, &f) {
		return []*fault{f}, nil
	}
	return nil, err
}
