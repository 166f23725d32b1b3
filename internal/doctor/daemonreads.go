package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"sealmilter/internal/premises"
)

// closedToDaemon returns what the daemon cannot read of a file, or of a folder and the files in it, while root can, who
// checks. Folders and hidden files in the folder do not count, for nobody reads them. The daemon runs as the user who
// owns the state directory. It returns nothing if that is root, or if somebody else asks.
func closedToDaemon(ctx context.Context, state, path string) ([]string, error) {
	info, err := os.Stat(state)
	if err != nil || os.Geteuid() != 0 {
		return nil, nil // check tells of the state directory elsewhere
	}
	its, known := premises.OwnerOf(info)
	if !known || its.UID == 0 {
		return nil, nil
	}
	daemon := &syscall.Credential{Uid: uint32(its.UID), Gid: uint32(its.GID)}
	if account, err := user.LookupId(strconv.Itoa(its.UID)); err == nil {
		groups, err := account.GroupIds()
		if err != nil {
			return nil, err
		}
		for _, group := range groups {
			if id, err := strconv.ParseUint(group, 10, 32); err == nil {
				daemon.Groups = append(daemon.Groups, uint32(id))
			}
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	// Only the kernel knows of all that keeps somebody from a file, so it is asked as that user.
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, "find", "-H", path, "-maxdepth", "1", "(", "!", "-readable", "-o", "-type", "d", "!", "-executable", ")", "-print0")
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: daemon}
	err = cmd.Run()
	var closed []string
	for file := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\x00"), "\x00") {
		if file == path || file != "" && isRead(file) {
			closed = append(closed, file)
		}
	}
	var exit *exec.ExitError
	switch {
	case len(closed) > 0 || out.Len() > 0:
		return closed, nil
	case errors.As(err, &exit) && strings.Contains(problems.String(), "Permission denied"):
		return []string{path}, nil
	case err != nil:
		return nil, fmt.Errorf("see what the daemon can read: %w: %s", err, strings.TrimSpace(problems.String()))
	default:
		return nil, nil
	}
}

// isRead reports whether an entry of a folder is one that is read: neither a folder nor a file whose name begins with a dot.
func isRead(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir() && !strings.HasPrefix(filepath.Base(file), ".")
}

// closed reports what of a file or folder is closed to the daemon, and whether anything is.
func (r *Report) closed(ctx context.Context, topic, state, path string) bool {
	all, err := closedToDaemon(ctx, state, path)
	if err != nil {
		r.fail("warning", topic, err, "see by hand whether the daemon can read "+path)
	}
	for _, file := range all {
		r.add("error", topic, file+" cannot be read by the user that owns "+state+", as whom the daemon runs",
			"let others read it (chmod o+r; for folders o+rx, also those above it), and reload sealmilter")
	}
	return len(all) > 0
}
