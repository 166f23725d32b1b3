package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// DefaultFile is read where no file is named.
const DefaultFile = "/etc/sealmilter/sealmilter.toml"

// maxFile bounds the file, in octets.
const maxFile = 4 << 20

// Load reads a configuration file. With an empty path it reads [DefaultFile], and where that is missing the defaults
// hold; a file that was named must exist. Relative paths in the file start from its directory. What is wrong in the
// file is an [*Error], several of them joined.
func Load(path string) (*Config, error) {
	c, err := LoadAnyway(path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// LoadAnyway reads a configuration file as [Load] does, and returns with an [*Error] also what of it is valid, with the defaults
// for the rest: enough to find a daemon that works with what the file said before. It is nil if nothing can be read.
func LoadAnyway(path string) (*Config, error) {
	file := path
	if file == "" {
		file = DefaultFile
	}
	f, err := os.Open(file)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return Default(), nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("read configuration: %w; the user that runs sealmilter serve has to be able to read it, and root, or that user, types the other commands", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // before it is read: what is changed meanwhile counts as changed after it
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("read configuration: %s is larger than %d octets; is it the right file?", file, maxFile)
	}
	c, err := parseAnyway(file, b)
	if c != nil {
		c.Changed = info.ModTime()
	}
	return c, err
}

// Parse reads a configuration from the content of a file as [Load] does.
func Parse(file string, b []byte) (*Config, error) {
	c, err := parseAnyway(file, b)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func parseAnyway(file string, b []byte) (*Config, error) {
	if err := encodingError(file, b); err != nil {
		return nil, err
	}
	root, err := parse(b)
	if err != nil {
		return nil, grammarError(file, err)
	}
	c := Default()
	errs := errorList{file: file}
	c.fields()(&errs, root, "")
	c.settings(&errs, root)
	c.State = beside(file, c.State)
	for _, path := range []*string{&c.Senders.PassphraseFile, &c.Keys.CAFile, &c.Keys.LDAP.PasswordFile, &c.Keys.SMIME, &c.Crypto.ArchiveCertificate, &c.Status.TokenFile} {
		*path = beside(file, *path)
	}
	if c.Listen.Network == "unix" {
		c.Listen.Address = beside(file, c.Listen.Address)
	}
	if socket, found := strings.CutPrefix(c.Admin, "unix:"); found {
		c.Admin = "unix:" + beside(file, socket)
	}
	return c, errs.err()
}
