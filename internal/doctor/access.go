package doctor

import (
	"os"
	"os/user"
	"strconv"

	"sealmilter/internal/premises"
)

// access is whom a file belongs to, and what its permissions are.
type access struct {
	mode  os.FileMode
	owner premises.Owner
	known bool
}

// accessOf returns the access to a file, and whether it is there. Links are followed.
func accessOf(path string) (its access, there bool) {
	info, err := os.Stat(path)
	if err != nil {
		return access{}, false
	}
	its.mode = info.Mode().Perm()
	its.owner, its.known = premises.OwnerOf(info)
	return its, true
}

// isAnothers reports whether a file belongs to neither root nor the daemon, who owns the state directory. A file system
// that knows no owners, and a state directory that is not there, tell nothing against a file.
func (a access) isAnothers(state string) bool {
	daemon, there := accessOf(state)
	return a.known && a.owner.UID != 0 && there && daemon.known && daemon.owner.UID != a.owner.UID
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
	return groupName(its.GID)
}

// groupName returns the name of a group, or the number.
func groupName(gid int) string {
	if group, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return group.Name
	}
	return strconv.Itoa(gid)
}
