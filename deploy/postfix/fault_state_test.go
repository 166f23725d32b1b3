package postfix_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// How the client is told of a key directory that cannot be read, and of a secret key that cannot be used.
const (
	unknownKey = "451 4.7.5 It cannot be found out at the moment whether mail to " + hidden + " can be encrypted. Please try again later."
	unusable   = "451 4.7.5 The OpenPGP key of alice@example.org cannot be used at the moment. Please try again later, or tell the postmaster."
)

// stateFaults are those of the state directory and the built-in database.
var stateFaults = []fault{
	{
		name:  "disk full",
		set:   fillDisk,
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Remove(s.ballast())) },
		reply: "451 4.3.0",
		log:   "check the disk and its free space",
		ready: "check the disk and its free space",
	},
	{
		name:  "disk full in mid-message",
		set:   fillDisk,
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Remove(s.ballast())) },
		mid:   true,
		reply: "451 4.3.0",
		log:   "check the disk and its free space",
		ready: "check the disk and its free space",
	},
	{
		name:  "state directory moved away",
		set:   func(t *testing.T, s *sufferer) { done(t, os.Rename(s.State, s.State+".away")) },
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.State+".away", s.State)) },
		at:    "RCPT",
		reply: unknownKey,
		log:   "put it back, or restore it from a backup",
		ready: "put it back, or restore it from a backup",
	},
	{
		name:  "state directory moved away in mid-message",
		set:   func(t *testing.T, s *sufferer) { done(t, os.Rename(s.State, s.State+".away")) },
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.State+".away", s.State)) },
		mid:   true,
		reply: unknownKey,
		log:   "put it back, or restore it from a backup",
		ready: "put it back, or restore it from a backup",
	},
	{
		name:  "database removed and restored",
		set:   removeDatabase,
		lift:  func(t *testing.T, s *sufferer) { done(t, os.WriteFile(s.database(), s.backup, 0o600)) },
		at:    "RCPT",
		reply: unknownKey,
		log:   "put it back, or restore it from a backup",
		ready: "put it back, or restore it from a backup",
	},
	{
		name: "database replaced under its log",
		set: func(t *testing.T, s *sufferer) {
			done(t, os.WriteFile(s.database()+".new", s.backup, 0o600))
			done(t, os.Rename(s.database()+".new", s.database()))
		},
		lift: func(t *testing.T, s *sufferer) {
			done(t, os.Remove(s.database()+"-wal"))
			done(t, os.Remove(s.database()+"-shm"))
		},
		at:    "RCPT",
		reply: unknownKey,
		log:   "-wal belongs to the former one",
		ready: "-wal belongs to the former one",
	},
	{
		name: "log of the database removed",
		set:  func(t *testing.T, s *sufferer) { done(t, os.Remove(s.database()+"-wal")) },
	},
	{
		name:  "database closed to the daemon",
		set:   func(t *testing.T, s *sufferer) { chmod(t, 0, s.database(), s.State) },
		lift:  func(t *testing.T, s *sufferer) { chmod(t, 0o700, s.State); chmod(t, 0o600, s.database()) },
		at:    "RCPT",
		reply: unknownKey,
		log:   "owns the file and its directory and may write to both",
		ready: "owns the file and its directory and may write to both",
	},
	{
		name:   "database damaged",
		set:    damage,
		lift:   restore,
		letter: letter{to: []string{"new@example.net"}, got: []string{"new@example.net: encrypted"}},
		at:     "RCPT",
		reply:  strings.Replace(unknownKey, hidden, "new@example.net", 1),
		log:    "the file is damaged",
		ready:  "the file is damaged",
	},
}

// done fails the test unless a step has succeeded.
func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, mode os.FileMode, paths ...string) {
	t.Helper()
	for _, path := range paths {
		done(t, os.Chmod(path, mode))
	}
}

func (s *sufferer) database() string { return filepath.Join(s.State, "sealmilter.db") }

func (s *sufferer) ballast() string { return filepath.Join(s.disk, "ballast") }

// fillDisk leaves no room on the disk of the state directory.
func fillDisk(t *testing.T, s *sufferer) {
	t.Helper()
	if err := os.WriteFile(s.ballast(), make([]byte, diskSize), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(fmt.Errorf("the disk is not full: %w", err))
	}
}

// removeDatabase takes the database away, with its log.
func removeDatabase(t *testing.T, s *sufferer) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		done(t, os.Remove(s.database()+suffix))
	}
}

// damage overwrites a file with nonsense, and restore puts back what was in it.
func damage(t *testing.T, s *sufferer) {
	t.Helper()
	var err error
	s.undamaged, err = os.ReadFile(s.database())
	done(t, err)
	overwrite(t, s.database(), bytes.Repeat([]byte{0xa5}, len(s.undamaged)))
}

func restore(t *testing.T, s *sufferer) {
	t.Helper()
	overwrite(t, s.database(), s.undamaged)
}
