package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rootFS returns a root file system of this machine's Debian release in which packages are installed as an
// administrator would, with nothing running. It lies in the cache folder, is made once and is not to be changed.
func rootFS(ctx context.Context, progress io.Writer, packages []string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	system, err := systemName()
	if err != nil {
		return "", err
	}
	root := filepath.Join(cache, system, "root+"+strings.Join(packages, "+"))
	if isDir(root) {
		return root, nil
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return "", err
	}
	debootstrap, err := findDebootstrap(ctx, progress)
	if err != nil {
		return "", err
	}
	unlock, err := lock(ctx, progress, filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(root) { // by the process that held the lock before
		return root, nil
	}
	fmt.Fprintf(progress, "Installing %s in a root file system of its own, %s\n", strings.Join(packages, " "), root)
	part := root + ".part"
	if err := os.RemoveAll(part); err != nil { // left by a process that was killed
		return "", err
	}
	if err := installRootFS(ctx, debootstrap, part, packages); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	return root, os.Rename(part, root)
}

// findDebootstrap returns the command for debootstrap(8) and its environment: the machine's own, or Debian's package.
func findDebootstrap(ctx context.Context, progress io.Writer) (*exec.Cmd, error) {
	if path, err := findCommand("debootstrap"); err == nil {
		return &exec.Cmd{Path: path}, nil
	}
	tree, err := Unpack(ctx, progress, "debootstrap")
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{Path: tree.Path("/usr/sbin/debootstrap"), Env: []string{"DEBOOTSTRAP_DIR=" + tree.Path("/usr/share/debootstrap")}}, nil
}

// installRootFS fills the folder root.
func installRootFS(ctx context.Context, debootstrap *exec.Cmd, root string, packages []string) error {
	mirror, suite, err := aptMirror(ctx)
	if err != nil {
		return err
	}
	// The machine's way to its mirror, such as a proxy.
	ways, err := run(ctx, "", "apt-config", "dump", "Acquire")
	if err != nil {
		return err
	}
	env := append(os.Environ(), debootstrap.Env...)
	if proxy := aptProxy(string(ways)); proxy != "" {
		env = append(env, "http_proxy="+proxy, "https_proxy="+proxy)
	}
	if _, err := runIn(ctx, env, debootstrap.Path, "--variant=minbase", "--include=iproute2", suite, root, mirror); err != nil {
		return err
	}
	// Packages ask this script whether their services may start (invoke-rc.d(8)).
	if err := os.WriteFile(filepath.Join(root, "usr/sbin/policy-rc.d"), []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	apt := filepath.Join(root, "etc/apt/apt.conf.d/99machine")
	if err := os.WriteFile(apt, ways, 0o644); err != nil {
		return err
	}
	const install = `mount -t proc proc "$0/proc" && exec chroot "$0" apt-get install -q -y --no-install-recommends "$@"`
	args := append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", install, root}, packages...)
	env = append(env, "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if _, err := runIn(ctx, env, "unshare", args...); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(root, "var/cache/apt/archives/*.deb"))
	for _, file := range archives {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// aptProxy returns the proxy of apt's configuration as "apt-config dump" prints it, "" if there is none.
func aptProxy(dump string) string {
	for line := range strings.Lines(dump) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "Acquire::http::Proxy "); found {
			return strings.Trim(value, `";`)
		}
	}
	return ""
}

// aptMirror returns where this machine has its Debian packages from, and the code name of the release.
func aptMirror(ctx context.Context) (site, suite string, err error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); found {
			suite = strings.Trim(value, `"`)
		}
	}
	list := func() (string, error) {
		out, err := run(ctx, "", "apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Created-By: Packages", "Origin: Debian")
		for line := range strings.Lines(string(out)) {
			if fields := strings.Fields(line); len(fields) == 2 && fields[0] == suite {
				return fields[1], nil
			}
		}
		return "", err
	}
	if site, err = list(); err == nil && site == "" { // no package lists, as on a fresh machine
		if _, err = run(ctx, "", "apt-get", "update", "-q"); err == nil {
			site, err = list()
		}
	}
	if err == nil && site == "" {
		err = fmt.Errorf("apt has no source for Debian %q", suite)
	}
	return site, suite, err
}

// runIn executes a command in an environment. Its error holds the end of what it printed.
func runIn(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s %s failed: %w%s", name, strings.Join(args, " "), err, quoteLog(string(out)))
	}
	return out, nil
}
