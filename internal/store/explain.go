package store

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIOErr    = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// explain adds to an error of SQLite what an administrator can do about it.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	advice := ""
	switch e.Code() & 0xff {
	case codeBusy:
		advice = "another process has been writing for too long"
	case codeReadOnly, codeCantOpen:
		advice = "check that the user that runs sealmilter owns the file and its directory and may write to both"
	case codeIOErr, codeFull:
		advice = "check the disk and its free space"
	case codeCorrupt, codeNotADB:
		advice = "the file is damaged or not a database; restore it from a backup, or move it away and import the keys again"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, advice)
}
