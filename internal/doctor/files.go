package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/status"
)

const filesTopic = "files"

// configFile looks at who may read and write the configuration.
func (r *Report) configFile(ctx context.Context, file string, c *config.Config) {
	mode, there := fileMode(file)
	if !there {
		return
	}
	if mode&0o022 != 0 {
		r.add("error", filesTopic, fmt.Sprintf("others may write %s (mode %04o), and whoever does decides what leaves in clear text", file, mode), "chmod go-w "+file)
	}
	if mode&0o004 != 0 && databasePassword(c.Database) {
		r.add("error", filesTopic, fmt.Sprintf("others may read %s (mode %04o), and the password of the database is in it", file, mode),
			"chmod o-r "+file+", and change the password; a passfile keeps it elsewhere: docs/database.md")
	}
	closed, err := closedToDaemon(ctx, c.State, file)
	if err != nil {
		r.fail("warning", filesTopic, err, "see by hand whether the daemon can read "+file)
	}
	for range closed {
		r.add("error", filesTopic, file+" cannot be read by the user that owns "+c.State+", as whom the daemon runs: it does not start, and does not reload",
			fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s; the folders above it must let the user in, too", groupOf(c.State), file))
	}
}

// databasePassword reports whether the URL of a database has a password in it.
func databasePassword(database string) bool {
	u, err := url.Parse(database)
	if err != nil || database == "" {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}

// secretFiles looks at the files with passwords that the configuration names.
func (r *Report) secretFiles(ctx context.Context, c *config.Config) {
	passfile := ""
	if u, err := url.Parse(c.Database); err == nil && c.Database != "" {
		passfile = u.Query().Get("passfile")
	}
	for _, f := range []struct{ file, what string }{
		{c.Senders.PassphraseFile, "the passphrase of the senders' secret keys"},
		{c.Keys.LDAP.PasswordFile, "the password for the LDAP server"},
		{passfile, "the password of the database"},
	} {
		if f.file == "" {
			continue
		}
		switch mode, there := fileMode(f.file); {
		case !there:
			r.add("error", filesTopic, fmt.Sprintf("%s cannot be found; it should hold %s", f.file, f.what),
				"put it back from your backup, or correct the path in the configuration")
		case mode&0o007 != 0:
			r.add("error", filesTopic, fmt.Sprintf("others may read or write %s (mode %04o), which holds %s", f.file, mode, f.what), "chmod o= "+f.file)
		default:
			r.add("ok", filesTopic, f.file+" is closed to others", "")
		}
	}
	r.token(ctx, c)
}

// token looks at the file that opens the status page, which the daemon reads by itself, as its own user.
func (r *Report) token(ctx context.Context, c *config.Config) {
	file := c.Status.TokenFile
	if file == "" {
		return
	}
	const lost = "nobody can log in to the status page: "
	if mode, there := fileMode(file); there && mode&0o007 != 0 {
		r.add("error", filesTopic, fmt.Sprintf("others may read or write %s (mode %04o), which opens the status page; the page refuses it", file, mode),
			"chmod o= "+file+", and write another token into it, for this one may be known: head -c 24 /dev/urandom | base64")
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
			fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s; the folders above it must let the user in, too", groupOf(c.State), file))
	default:
		r.add("ok", filesTopic, file+" is closed to others, and the daemon can read it", "")
	}
}

// private looks at the permissions and owners of the state directory and what is in it.
func (r *Report) private(state string) {
	const topic = "state"
	info, err := os.Stat(state)
	if err != nil {
		r.fail("error", topic, err, "run check as root")
		return
	}
	its, _ := premises.OwnerOf(info)
	open, others, shut := "", "", ""
	err = filepath.WalkDir(state, premises.WhatStays(func(path string, info fs.FileInfo) error {
		if info.Mode().Perm()&0o077 != 0 && open == "" && info.Mode().Type()&fs.ModeSymlink == 0 {
			open = fmt.Sprintf("%s (mode %04o)", path, info.Mode().Perm())
		}
		needed := fs.FileMode(0o600)
		if info.IsDir() {
			needed = 0o700
		}
		if info.Mode().Perm()&needed != needed && shut == "" {
			shut = fmt.Sprintf("%s (mode %04o)", path, info.Mode().Perm())
		}
		if owner, known := premises.OwnerOf(info); known && owner.UID != its.UID && others == "" {
			others = path
		}
		return nil
	}))
	switch {
	case err != nil:
		r.fail("error", topic, err, "run check as root")
	case open != "" && info.Mode().Perm()&0o077 == 0:
		r.add("warning", topic, "nothing but the folder keeps others from "+open+": secret keys and who writes to whom are there", "chmod -R go= "+state)
	case open != "":
		r.add("error", topic, "others may use "+open+": secret keys and who writes to whom are there", "chmod -R go= "+state)
	}
	if others != "" {
		r.add("error", topic, fmt.Sprintf("%s does not belong to the user %s, who owns %s, so the daemon cannot use it", others, nameOf(its.UID), state),
			fmt.Sprintf("chown -R %s: %s", nameOf(its.UID), state))
	}
	if shut != "" {
		r.add("error", topic, fmt.Sprintf("%s is closed to %s, as whom the daemon runs, so it cannot use it", shut, nameOf(its.UID)), "chmod -R u+rwX "+state)
	}
	if err == nil && open == "" && others == "" && shut == "" {
		r.add("ok", topic, fmt.Sprintf("%s belongs to %s and is closed to others", state, nameOf(its.UID)), "")
	}
}

// owner says so if the daemon cannot use a state directory that root can.
func (r *Report) owner(state string) {
	if _, err := user.Lookup(premises.ServiceUser); err != nil {
		return
	}
	info, err := os.Stat(state)
	if err != nil {
		return
	}
	if its, known := premises.OwnerOf(info); known && its.UID == 0 {
		r.add("warning", "state", fmt.Sprintf("%s belongs to root: a daemon that runs as the user %s cannot use it", state, premises.ServiceUser),
			fmt.Sprintf("chown -R %s: %s", premises.ServiceUser, state))
	}
}

// nameOf returns the name of a user, or the number.
func nameOf(uid int) string {
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return account.Username
	}
	return strconv.Itoa(uid)
}

// groupOf returns the group of a file by name, or by number.
func groupOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return premises.ServiceUser
	}
	its, _ := premises.OwnerOf(info)
	if group, err := user.LookupGroupId(strconv.Itoa(its.GID)); err == nil {
		return group.Name
	}
	return strconv.Itoa(its.GID)
}
