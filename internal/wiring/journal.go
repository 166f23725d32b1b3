package wiring

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// journalVersion is the format of the record. A program refuses one that it does not know.
const journalVersion = 1

// Journal remembers files as they were before they were changed for the first time, so that the change can be undone. It is
// a folder that root alone writes: a record and one backup for each file.
type Journal struct {
	Dir string
}

// record is the file record.json of the folder.
type record struct {
	Version int          `json:"version"`
	Files   []fileRecord `json:"files"`
}

// fileRecord is one file that was changed.
type fileRecord struct {
	Path string `json:"path"`
	// Backup is the name of the file in the folder that holds the content as it was, "" if there was no file.
	Backup string      `json:"backup,omitempty"`
	Mode   fs.FileMode `json:"mode"`
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	// Written is the SHA-256 of the content that was written last.
	Written string `json:"written"`
	// Edited says that somebody else changed the file between two changes of ours.
	Edited bool `json:"edited,omitempty"`
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (j Journal) path() string { return filepath.Join(j.Dir, "record.json") }

// load returns the record, an empty one if there is none.
func (j Journal) load() (record, error) {
	r := record{Version: journalVersion}
	text, err := os.ReadFile(j.path())
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.Version != journalVersion {
		err = fmt.Errorf("it has format %d, and this program knows %d; use the program that wrote it", r.Version, journalVersion)
	}
	if err != nil {
		return r, fmt.Errorf("read the record of changes %s: %w", j.path(), err)
	}
	return r, nil
}

func (j Journal) save(r record) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return FileChange{Path: j.path(), After: append(text, '\n'), Mode: 0o600}.write()
}

// Apply carries out changes after it has noted them, all of them or none. The function that it returns takes back changes
// and notes.
func (j Journal) Apply(changes []FileChange) (back func() error, err error) {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c FileChange) bool { return !c.Changes() })
	if len(changes) == 0 {
		return func() error { return nil }, nil
	}
	before, err := j.load()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(j.Dir, 0o700); err != nil {
		return nil, err
	}
	r := record{Version: journalVersion, Files: slices.Clone(before.Files)}
	for _, c := range changes {
		if err := j.note(&r, c); err != nil {
			return nil, fmt.Errorf("note the change of %s: %w", c.Path, errors.Join(err, j.forget(before)))
		}
	}
	if err := j.save(r); err != nil {
		return nil, fmt.Errorf("note changes: %w", errors.Join(err, j.forget(before)))
	}
	undo, err := WriteAll(changes)
	if err != nil {
		return nil, errors.Join(err, j.forget(before))
	}
	return func() error { return errors.Join(undo(), j.forget(before)) }, nil
}

// note adds a change to a record, and the backup to the folder.
func (j Journal) note(r *record, c FileChange) error {
	at := slices.IndexFunc(r.Files, func(f fileRecord) bool { return f.Path == c.Path })
	if at >= 0 {
		r.Files[at].Edited = r.Files[at].Edited || r.Files[at].Written != digest(c.Before)
		r.Files[at].Written = digest(c.After)
		return nil
	}
	f := fileRecord{Path: c.Path, Mode: c.Mode, UID: c.UID, GID: c.GID, Written: digest(c.After)}
	if c.Before != nil {
		f.Backup = strings.ReplaceAll(strings.TrimPrefix(c.Path, "/"), "/", "_") + ".before"
		backup := FileChange{Path: filepath.Join(j.Dir, f.Backup), After: c.Before, Mode: 0o600}
		if err := backup.write(); err != nil {
			return err
		}
	}
	r.Files = append(r.Files, f)
	return nil
}

// forget brings the folder back to a record.
func (j Journal) forget(r record) error {
	entries, err := os.ReadDir(j.Dir)
	if err != nil {
		return err
	}
	var failures []error
	for _, e := range entries {
		backup := slices.ContainsFunc(r.Files, func(f fileRecord) bool { return f.Backup == e.Name() })
		if isRecord := e.Name() == filepath.Base(j.path()); !backup && (!isRecord || len(r.Files) == 0) {
			failures = append(failures, os.Remove(filepath.Join(j.Dir, e.Name())))
		}
	}
	if len(r.Files) == 0 {
		failures = append(failures, os.Remove(j.Dir))
	} else {
		failures = append(failures, j.save(r))
	}
	return errors.Join(failures...)
}

// Undo returns the changes that bring back what was there, none if nothing is noted. For a file that somebody else has
// changed since, merge is asked what is to become of it; it gets the content as it is and as it was, nil for none.
func (j Journal) Undo(merge func(path string, now, before []byte) []byte) ([]FileChange, error) {
	r, err := j.load()
	if err != nil {
		return nil, err
	}
	var changes []FileChange
	for _, f := range r.Files {
		c, err := Read(f.Path)
		if err != nil {
			return nil, err
		}
		var before []byte
		if f.Backup != "" {
			if before, err = os.ReadFile(filepath.Join(j.Dir, f.Backup)); err != nil {
				return nil, fmt.Errorf("read a backup: %w", err)
			}
		}
		switch {
		case c.Before == nil:
			c.After, c.Mode, c.UID, c.GID = before, f.Mode, f.UID, f.GID
		case !f.Edited && digest(c.Before) == f.Written:
			c.After = before
		default:
			c.After = merge(f.Path, c.Before, before)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// Clear forgets everything that is noted.
func (j Journal) Clear() error {
	if _, err := os.Stat(j.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return j.forget(record{Version: journalVersion})
}
