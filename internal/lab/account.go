package lab

import (
	"os/user"
	"strconv"
)

// uidOf returns the number of a user of this machine.
func uidOf(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

// gidOf returns the number of a group of this machine.
func gidOf(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
