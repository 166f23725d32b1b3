package postfix_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// secretFaults are those of the senders' secret keys and their passphrase. A key that has been read stays in memory until
// its file changes.
var secretFaults = []fault{
	{
		name:  "secret key missing",
		set:   func(t *testing.T, s *sufferer) { done(t, os.Rename(s.secretKey(), s.secretKey()+".away")) },
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.secretKey()+".away", s.secretKey())) },
		reply: unusable,
		log:   "restore it from a backup, or import the key again",
	},
	{
		name:  "secret key missing in mid-message",
		set:   func(t *testing.T, s *sufferer) { done(t, os.Rename(s.secretKey(), s.secretKey()+".away")) },
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.secretKey()+".away", s.secretKey())) },
		mid:   true,
		reply: unusable,
		log:   "restore it from a backup, or import the key again",
	},
	{
		name: "secret key unreadable",
		set: func(t *testing.T, s *sufferer) {
			chmod(t, 0, s.secretKey())
			s.touch(t)
		},
		lift:  func(t *testing.T, s *sufferer) { chmod(t, 0o600, s.secretKey()) },
		reply: unusable,
		log:   "give the file and its directory to the user that runs sealmilter serve",
	},
	{
		name:  "secret key readable by all",
		set:   func(t *testing.T, s *sufferer) { chmod(t, 0o644, s.secretKey()) },
		lift:  func(t *testing.T, s *sufferer) { chmod(t, 0o600, s.secretKey()) },
		reply: unusable,
		log:   "chmod 0600",
	},
	{
		name: "secret key damaged",
		set: func(t *testing.T, s *sufferer) {
			var err error
			s.undamaged, err = os.ReadFile(s.secretKey())
			done(t, err)
			done(t, os.WriteFile(s.secretKey(), s.undamaged[:len(s.undamaged)/2], 0o600))
		},
		lift:  func(t *testing.T, s *sufferer) { done(t, os.WriteFile(s.secretKey(), s.undamaged, 0o600)) },
		reply: unusable,
		log:   "restore it from a backup, or import the key again",
	},
	{
		name: "secret key of another",
		set: func(t *testing.T, s *sufferer) {
			var err error
			s.undamaged, err = os.ReadFile(s.secretKey())
			done(t, err)
			other, err := os.ReadFile(filepath.Join(s.State, "secret", s.fingerprint(t, "eve@example.org")+".pgp"))
			done(t, err)
			done(t, os.WriteFile(s.secretKey(), other, 0o600))
		},
		lift:  func(t *testing.T, s *sufferer) { done(t, os.WriteFile(s.secretKey(), s.undamaged, 0o600)) },
		reply: unusable,
		log:   "holds another key",
	},
	{
		name:  "secret keys closed to the daemon",
		set:   func(t *testing.T, s *sufferer) { chmod(t, 0, filepath.Dir(s.secretKey())) },
		lift:  func(t *testing.T, s *sufferer) { chmod(t, 0o700, filepath.Dir(s.secretKey())) },
		reply: unusable,
		log:   "give the file and its directory to the user that runs sealmilter serve",
	},
	{
		name: "passphrase wrong",
		set: func(t *testing.T, s *sufferer) {
			done(t, os.WriteFile(s.Passphrase, []byte("close sesame\n"), 0o600))
			s.touch(t)
		},
		lift:  func(t *testing.T, s *sufferer) { done(t, os.WriteFile(s.Passphrase, []byte("open sesame\n"), 0o600)) },
		reply: unusable,
		log:   "unlock with the configured passphrase",
		ready: "the passphrase does not unlock the secret key",
	},
	{
		name: "passphrase missing",
		set: func(t *testing.T, s *sufferer) {
			done(t, os.Rename(s.Passphrase, s.Passphrase+".away"))
			s.touch(t)
		},
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.Passphrase+".away", s.Passphrase)) },
		reply: unusable,
		log:   "read passphrase",
		ready: "passphrase: read passphrase",
	},
	{
		name: "passphrase closed to the daemon",
		set: func(t *testing.T, s *sufferer) {
			chmod(t, 0, s.Passphrase)
			s.touch(t)
		},
		lift:  func(t *testing.T, s *sufferer) { chmod(t, 0o600, s.Passphrase) },
		reply: unusable,
		log:   "give the file to the user that runs sealmilter serve",
		ready: "give the file to the user that runs sealmilter serve",
	},
	{
		name:  "passphrase missing while the key is in memory",
		set:   func(t *testing.T, s *sufferer) { done(t, os.Rename(s.Passphrase, s.Passphrase+".away")) },
		lift:  func(t *testing.T, s *sufferer) { done(t, os.Rename(s.Passphrase+".away", s.Passphrase)) },
		ready: "passphrase: read passphrase",
	},
}

// secretKey is the file of alice's key.
func (s *sufferer) secretKey() string { return filepath.Join(s.State, "secret", s.signing+".pgp") }

// touch has the file of alice's key look like another one, which has to be read.
func (s *sufferer) touch(t *testing.T) {
	t.Helper()
	s.touched++
	at := time.Date(2026, 1, 1, 0, 0, s.touched, 0, time.UTC)
	done(t, os.Chtimes(s.secretKey(), at, at))
}
