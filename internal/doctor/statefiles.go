package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
)

// private looks at the permissions and owners of the state directory and what is in it.
func (r *Report) private(state string) {
	const topic = stateTopic
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
		r.add("warning", topic, "nothing but the folder keeps others from "+open+": secret keys and who writes to whom are there", "chmod -R go= "+shell.Quote(state))
	case open != "":
		r.add("error", topic, "others may use "+open+": secret keys and who writes to whom are there", "chmod -R go= "+shell.Quote(state))
	}
	if others != "" {
		r.add("error", topic, fmt.Sprintf("%s does not belong to the user %s, who owns %s, so the daemon cannot use it", others, nameOf(its.UID), state),
			chownAll(nameOf(its.UID), state))
	}
	if shut != "" {
		r.add("error", topic, fmt.Sprintf("%s is closed to %s, as whom the daemon runs, so it cannot use it", shut, nameOf(its.UID)), "chmod -R u+rwX "+shell.Quote(state))
	}
	if err == nil && open == "" && others == "" && shut == "" {
		r.add("ok", topic, fmt.Sprintf("%s belongs to %s and is closed to others", state, nameOf(its.UID)), "")
	}
}

// owner says so if a state directory belongs to another user than the one that is there to run the daemon, and no
// daemon runs as that.
func (r *Report) owner(state string) {
	service, err := user.Lookup(premises.ServiceUser)
	if err != nil {
		return
	}
	its, there := accessOf(state)
	if !there || !its.known || strconv.Itoa(its.owner.UID) == service.Uid ||
		its.owner.UID != 0 && slices.ContainsFunc(daemons("/proc"), func(p daemonProcess) bool { return p.uid == its.owner.UID }) {
		return
	}
	r.add("warning", stateTopic, fmt.Sprintf("%s belongs to %s: a daemon that runs as the user %s cannot use it", state, nameOf(its.owner.UID), premises.ServiceUser),
		chownAll(premises.ServiceUser, state))
}

// chownAll gives a state directory to a user and their group.
func chownAll(user, state string) string { return shell.Quote("chown", "-R", user+":", state) }
