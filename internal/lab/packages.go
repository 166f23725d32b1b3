package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Tree is a folder of unpacked Debian packages. The zero Tree is the machine's own file system.
type Tree struct {
	// Root stands for "/" in the packages' paths.
	Root string
}

// Path returns where a path of a package, such as "/usr/bin/gpg", lies.
func (t Tree) Path(path string) string { return filepath.Join("/", t.Root, path) }

// LibraryPath returns the value of LD_LIBRARY_PATH that programs of the tree need, "" if they need none.
func (t Tree) LibraryPath() string {
	if t.Root == "" {
		return ""
	}
	var folders []string
	patterns := []string{"/usr/lib/postfix", "/usr/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*/systemd", "/lib/*-linux-gnu*", "/usr/lib", "/usr/lib/rspamd"}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(t.Path(pattern)) // the only error is a bad pattern
		folders = append(folders, found...)
	}
	return strings.Join(folders, ":")
}

// Env returns this process's environment with what programs of the tree need.
func (t Tree) Env() []string {
	env := os.Environ()
	if libraries := t.LibraryPath(); libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+libraries)
	}
	return env
}

// Command prepares a program of the tree, such as "/usr/sbin/named". It speaks English.
func (t Tree) Command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.Path(path), args...)
	cmd.Env = append(t.Env(), "LC_ALL=C")
	return cmd
}

// CacheDir returns the folder in which packages are unpacked: $SEALMILTER_CACHE, or "sealmilter" in the user's cache
// folder ($XDG_CACHE_HOME or ~/.cache).
func CacheDir() (string, error) {
	if dir := os.Getenv("SEALMILTER_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder (set SEALMILTER_CACHE to name one): %w", err)
	}
	return filepath.Join(dir, "sealmilter"), nil
}

// Unpack makes Debian packages usable without installing them: it fetches them with apt, together with all they
// need that this machine lacks, and unpacks them in the cache folder. What is there already is used again. Several
// processes may ask at the same time. Progress gets one line per step; nil discards them.
func Unpack(ctx context.Context, progress io.Writer, packages ...string) (Tree, error) {
	if progress == nil {
		progress = io.Discard
	}
	wanted := strings.Join(packages, " ")
	fail := func(err error) (Tree, error) {
		return Tree{}, fmt.Errorf("unpack the Debian packages %s: %w", wanted, err)
	}
	cache, err := CacheDir()
	if err != nil {
		return fail(err)
	}
	system, err := systemName()
	if err != nil {
		return fail(err)
	}
	tree := Tree{Root: filepath.Join(cache, system, strings.Join(packages, "+"))}
	if isDir(tree.Root) {
		return tree, nil
	}
	if err := os.MkdirAll(filepath.Dir(tree.Root), 0o755); err != nil {
		return fail(err)
	}
	unlock, err := lock(ctx, progress, filepath.Join(cache, "lock"))
	if err != nil {
		return fail(err)
	}
	defer unlock()
	if isDir(tree.Root) { // by the process that held the lock before
		return tree, nil
	}
	fmt.Fprintf(progress, "Fetching %s from Debian, to be unpacked in %s (nothing is installed)\n", wanted, tree.Root)
	if err := fetch(ctx, progress, tree.Root, packages); err != nil {
		return fail(err)
	}
	return tree, nil
}

// systemName names this release and architecture: trees of another one hold the wrong libraries.
func systemName() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	name := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name[key] = strings.Trim(value, `"'`)
	}
	version := name["VERSION_ID"]
	if version == "" {
		version = name["VERSION_CODENAME"] // Debian testing has no number
	}
	return name["ID"] + version + "-" + runtime.GOARCH, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// lock takes the file lock of the cache folder.
func lock(ctx context.Context, progress io.Writer, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(10 * poll)
	defer ticker.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			fmt.Fprintf(progress, "Waiting for another process that fetches packages (%s)\n", path)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for the lock %s: %w", path, ctx.Err())
		}
	}
}

// fetch fills the folder root, which does not exist until all is in it. The caller holds the lock.
func fetch(ctx context.Context, progress io.Writer, root string, packages []string) error {
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("neither are the programs installed nor is this a Debian that could fetch them: %w", err)
		}
	}
	scratch := root + ".part"
	if err := os.RemoveAll(scratch); err != nil { // left by a process that was killed
		return err
	}
	defer os.RemoveAll(scratch)
	archives, unpacked := filepath.Join(scratch, "archives"), filepath.Join(scratch, "root")
	for _, dir := range []string{scratch, archives, unpacked} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	err := download(ctx, progress, archives, packages)
	if err != nil {
		// No package lists, as on a fresh machine, or lists too old for the archive.
		fmt.Fprintln(progress, "Running apt-get update, because apt does not find the packages")
		if _, err := run(ctx, "", "apt-get", "update", "-q"); err != nil {
			return err
		}
		err = download(ctx, progress, archives, packages)
	}
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := run(ctx, "", "dpkg-deb", "-x", file, unpacked); err != nil {
			return err
		}
	}
	return os.Rename(unpacked, root)
}

// download puts the archives of the packages, and of all that they need and this machine lacks, into dir.
func download(ctx context.Context, progress io.Writer, dir string, packages []string) error {
	simulated, err := run(ctx, "", "apt-get", append([]string{"-s", "--no-install-recommends", "install"}, packages...)...)
	if err != nil {
		return err
	}
	names := slices.Clone(packages)
	for line := range strings.Lines(string(simulated)) {
		fields := strings.Fields(line)
		// The C library must match the machine's program loader, which stays.
		if len(fields) < 2 || fields[0] != "Inst" || fields[1] == "libc6" || slices.Contains(names, fields[1]) {
			continue
		}
		names = append(names, fields[1])
	}
	fmt.Fprintf(progress, "Downloading %s\n", strings.Join(names, " "))
	_, err = run(ctx, dir, "apt-get", append([]string{"download", "-q", "-o", "APT::Sandbox::User=root"}, names...)...)
	return err
}

// run executes a command in dir and returns what it printed. Its error holds the end of what it printed as errors.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case strings.Contains(stderr.String(), "Permission denied") && os.Geteuid() != 0:
		return nil, fmt.Errorf("%s %s failed, run as root: %w%s", name, args[0], err, quoteLog(stderr.String()))
	default:
		return nil, fmt.Errorf("%s %s failed: %w%s", name, args[0], err, quoteLog(stderr.String()))
	}
}
