package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Passphrase returns the passphrase that locks the senders' secret keys at rest, or nil if none is configured.
type Passphrase func() ([]byte, error)

// ReadPassphrase reads the passphrase from file or, if file is "" or this user may not read it, from the systemd credential
// of that name (systemd.exec(5), LoadCredential=). So a service can have as a credential what the commands of root read
// from the file. It returns nil if file is "" and there is no such credential. One line end at the end is dropped;
// everything before it counts. A file that anyone on the host can read, or that its group can write, is refused.
func ReadPassphrase(file, credential string) ([]byte, error) {
	var passphrase []byte
	err := fs.ErrNotExist
	if file != "" {
		passphrase, err = readPassphraseFile(file)
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && credential != "" && (file == "" || errors.Is(err, fs.ErrPermission)) {
		loaded, loadedErr := readPassphraseFile(filepath.Join(dir, credential))
		if file == "" || !errors.Is(loadedErr, fs.ErrNotExist) {
			passphrase, err = loaded, loadedErr
		}
	}
	switch {
	case file == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read passphrase: %w; run the command as root, or give the file to the user that runs sealmilter serve", err)
	case err != nil:
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	return passphrase, nil
}

func readPassphraseFile(file string) ([]byte, error) {
	const maxSize = 4096
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, fmt.Errorf("others may read or write %s (mode %04o); chmod 0600 %[1]s", file, mode)
	}
	passphrase, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	passphrase = bytes.TrimSuffix(bytes.TrimSuffix(passphrase, []byte("\n")), []byte("\r"))
	switch {
	case len(passphrase) == 0:
		return nil, fmt.Errorf("%s is empty", file)
	case len(passphrase) > maxSize:
		return nil, fmt.Errorf("%s is longer than %d octets, which no passphrase is", file, maxSize)
	}
	return passphrase, nil
}
