package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/status"
	"sealmilter/internal/systemd"
)

const filesTopic = "files"

// configFile looks at who may read and write the configuration.
func (r *Report) configFile(ctx context.Context, file string, c *config.Config) {
	its, there := accessOf(file)
	if !there {
		return
	}
	const decides = "and whoever does decides what leaves in clear text"
	if its.mode&0o022 != 0 {
		r.add("error", filesTopic, fmt.Sprintf("others may write %s (mode %04o), %s", file, its.mode, decides), shell.Quote("chmod", "go-w", file))
	}
	if its.isAnothers(c.State) {
		r.add("error", filesTopic, fmt.Sprintf("the user %s may write %s, %s", nameOf(its.owner.UID), file, decides), shell.Quote("chown", "root", file))
	}
	if databasePassword(c.Database) {
		if its.mode&0o004 != 0 {
			r.add("error", filesTopic, fmt.Sprintf("others may read %s (mode %04o), and the password of the database is in it", file, its.mode),
				shell.Quote("chmod", "o-r", file)+", and change the password; a passfile keeps it elsewhere: docs/database.md")
		}
		r.otherGroup(c.State, file, its, "the password of the database")
	}
	r.daemonReads(ctx, c.State, file, "it does not start, and does not reload")
}

// databasePassword reports whether the URL of a database has a password in it.
func databasePassword(database string) bool {
	u, err := url.Parse(database)
	if err != nil || database == "" {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// namedFile is a file that the configuration names, which the daemon reads.
type namedFile struct {
	path string
	// holds says what is in it.
	holds string
	// secret says that nobody else may read it. What is not secret nobody else may write.
	secret bool
	// without says what becomes of a daemon that cannot read it.
	without string
}

// namedFiles returns the files that a configuration names, but for those that have lines of their own.
func namedFiles(c *config.Config) []namedFile {
	const noStart, noDatabase = "it does not start, and does not reload", "it cannot use the database"
	all := []namedFile{
		{c.Keys.LDAP.PasswordFile, "the password for the LDAP server", true, noStart},
		{c.Keys.CAFile, "the authorities that key servers are believed by", false, noStart},
	}
	if u, err := url.Parse(c.Database); err == nil && c.Database != "" {
		options := u.Query()
		root := options.Get("sslrootcert")
		if root == "system" { // those of this host, and no file
			root = ""
		}
		all = append(all,
			namedFile{options.Get("passfile"), "the password of the database", true, noDatabase},
			namedFile{options.Get("servicefile"), "how the database is reached, perhaps with a password", true, noDatabase},
			namedFile{options.Get("sslkey"), "the secret key of this host for the database", true, noDatabase},
			namedFile{options.Get("sslcert"), "the certificate of this host for the database", false, noDatabase},
			namedFile{root, "the authority that the database's server is believed by", false, noDatabase})
	}
	return slices.DeleteFunc(all, func(f namedFile) bool { return f.path == "" })
}

// secretFiles looks at the files that the configuration names.
func (r *Report) secretFiles(ctx context.Context, c *config.Config) {
	if file := c.Senders.PassphraseFile; file != "" {
		f := namedFile{file, "the passphrase of the senders' secret keys", true, "it cannot sign"}
		if ofCredential() {
			f.without = "" // systemd reads it as root, and hands it to the daemon
		}
		r.named(ctx, c.State, f)
	}
	for _, f := range namedFiles(c) {
		r.named(ctx, c.State, f)
	}
	r.token(ctx, c)
}

// named looks at who may read and write a file that the configuration names, and whether the daemon can read it.
func (r *Report) named(ctx context.Context, state string, f namedFile) {
	its, there := accessOf(f.path)
	before, quoted := r.lines, shell.Quote(f.path)
	switch {
	case !there:
		r.add("error", filesTopic, fmt.Sprintf("%s cannot be found; it should hold %s", f.path, f.holds),
			"put it back from your backup, or correct the path in the configuration")
		return
	case f.secret && its.mode&0o007 != 0:
		r.add("error", filesTopic, fmt.Sprintf("others may read or write %s (mode %04o), which holds %s", f.path, its.mode, f.holds), "chmod o= "+quoted)
	case its.mode&0o022 != 0:
		r.add("error", filesTopic, fmt.Sprintf("others may write %s (mode %04o), which holds %s", f.path, its.mode, f.holds), "chmod go-w "+quoted)
	}
	if its.isAnothers(state) {
		r.add("error", filesTopic, fmt.Sprintf("%s belongs to the user %s, who may change it; it holds %s", f.path, nameOf(its.owner.UID), f.holds), "chown root "+quoted)
	}
	if f.secret {
		r.otherGroup(state, f.path, its, f.holds)
	}
	if f.without != "" {
		r.daemonReads(ctx, state, f.path, f.without)
	}
	if r.lines == before && f.secret {
		r.add("ok", filesTopic, f.path+" is closed to others", "")
	}
}

// otherGroup says so if members of a group may read a secret that is not the daemon's own.
func (r *Report) otherGroup(state, file string, its access, holds string) {
	if daemon, there := accessOf(state); there && daemon.known && its.mode&0o040 != 0 && its.owner.GID != 0 && its.owner.GID != daemon.owner.GID {
		r.add("warning", filesTopic, fmt.Sprintf("members of the group %s may read %s (mode %04o), which holds %s", groupName(its.owner.GID), file, its.mode, holds),
			shell.Quote("chgrp", groupOf(state), file))
	}
}

// daemonReads says so if the daemon cannot read a file.
func (r *Report) daemonReads(ctx context.Context, state, file, without string) {
	closed, err := closedToDaemon(ctx, state, file)
	if err != nil {
		r.fail("warning", filesTopic, err, "see by hand whether the daemon can read "+file)
	}
	for range closed {
		r.add("error", filesTopic, fmt.Sprintf("%s cannot be read by the user that owns %s, as whom the daemon runs: %s", file, state, without), letRead(state, file))
	}
}

// letRead is what lets the daemon, and nobody else, read a file of root's.
func letRead(state, file string) string {
	if folder := shutFolder(state, file); folder != "" {
		return shell.Quote("chmod", "o+x", folder)
	}
	return shell.Quote("chgrp", groupOf(state), file) + " && " + shell.Quote("chmod", "0640", file) + ""
}

// shutFolder returns the uppermost folder above a file that does not let the daemon in, "" if all do.
func shutFolder(state, file string) string {
	daemon, there := accessOf(state)
	file, err := filepath.Abs(file)
	if err != nil || !there {
		return ""
	}
	shut := ""
	for folder := filepath.Dir(file); ; folder = filepath.Dir(folder) {
		its, there := accessOf(folder)
		enters := its.mode&0o001 != 0 || its.owner.UID == daemon.owner.UID && its.mode&0o100 != 0 || its.owner.GID == daemon.owner.GID && its.mode&0o010 != 0
		if there && !enters {
			shut = folder
		}
		if folder == filepath.Dir(folder) {
			return shut
		}
	}
}

// ofCredential reports whether the daemon gets the passphrase as a credential, which systemd reads as root.
func ofCredential() bool {
	for _, p := range daemons("/proc") {
		environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "environ"))
		if err == nil && bytes.Contains(environment, []byte("CREDENTIALS_DIRECTORY=")) {
			return true
		}
	}
	return systemd.Booted() && unitLoads()
}

// unitLoads reports whether the unit of the daemon has a credential with the passphrase.
func unitLoads() bool {
	units := []string{deploy.UnitFile, premises.PackagedUnit()}
	more, err := filepath.Glob(deploy.UnitFile + ".d/*.conf")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(append(units, more...), func(unit string) bool {
		text, err := os.ReadFile(unit)
		return err == nil && bytes.Contains(text, []byte("\nLoadCredential=sealmilter-passphrase:"))
	})
}

// token looks at the file that opens the status page, which the daemon reads by itself, as its own user.
func (r *Report) token(ctx context.Context, c *config.Config) {
	file := c.Status.TokenFile
	if file == "" {
		return
	}
	const lost = "nobody can log in to the status page: "
	if its, there := accessOf(file); there && its.mode&0o007 != 0 {
		r.add("error", filesTopic, fmt.Sprintf("others may read or write %s (mode %04o), which opens the status page; the page refuses it", file, its.mode),
			shell.Quote("chmod", "o=", file)+", and write another token into it, for this one may be known: head -c 24 /dev/urandom | base64")
		return
	}
	if _, err := status.ReadToken(file); err != nil {
		r.fail("warning", filesTopic, fmt.Errorf(lost+"%w", err), "write one into the file: docs/status.md")
		return
	}
	closed, err := closedToDaemon(ctx, c.State, file)
	switch {
	case err != nil:
		r.fail("warning", filesTopic, err, "see by hand whether the daemon can read "+file)
	case len(closed) > 0:
		r.add("warning", filesTopic, lost+file+" cannot be read by the user that owns "+c.State+", as whom the daemon runs",
			letRead(c.State, file))
	default:
		r.add("ok", filesTopic, file+" is closed to others, and the daemon can read it", "")
	}
}
