package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	bare := filepath.Join(cache, system, "root")
	root := bare + "+" + strings.Join(packages, "+")
	if isDir(root) {
		return root, nil
	}
	env, err := mirrorEnv(ctx)
	if err != nil {
		return "", err
	}
	err = makeOnce(ctx, progress, bare, func(part string) error {
		fmt.Fprintf(progress, "Installing Debian in a root file system of its own, %s\n", bare)
		return installBare(ctx, progress, env, part)
	})
	if err != nil {
		return "", err
	}
	err = makeOnce(ctx, progress, root, func(part string) error {
		fmt.Fprintf(progress, "Installing %s in a root file system of their own, %s\n", strings.Join(packages, " "), root)
		if _, err := runIn(ctx, env, "cp", "-a", bare, part); err != nil {
			return err
		}
		return installPackages(ctx, env, part, packages)
	})
	return root, err
}

// makeOnce makes a folder that is not there yet, and no other process at the same time. It has its name when it is whole.
func makeOnce(ctx context.Context, progress io.Writer, folder string, fill func(part string) error) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, progress, folder+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if isDir(folder) { // by the process that held the lock before
		return nil
	}
	part := folder + ".part"
	if err := os.RemoveAll(part); err != nil { // left by a process that was killed
		return err
	}
	if err := fill(part); err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return os.Rename(part, folder)
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

// mirrorEnv returns the environment of programs that ask this machine's mirror.
func mirrorEnv(ctx context.Context) ([]string, error) {
	ways, err := aptWays(ctx)
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if proxy := aptProxy(string(ways)); proxy != "" {
		env = append(env, "http_proxy="+proxy, "https_proxy="+proxy)
	}
	return env, nil
}

// aptWays returns apt's configuration of the machine's way to its mirror, such as a proxy.
func aptWays(ctx context.Context) ([]byte, error) {
	return run(ctx, "", "apt-config", "dump", "Acquire")
}

// installBare fills the folder root with the packages without which there is no Debian.
func installBare(ctx context.Context, progress io.Writer, env []string, root string) error {
	debootstrap, err := findDebootstrap(ctx, progress)
	if err != nil {
		return err
	}
	mirror, suite, err := aptMirror(ctx)
	if err != nil {
		return err
	}
	ways, err := aptWays(ctx)
	if err != nil {
		return err
	}
	env = append(slices.Clone(env), debootstrap.Env...)
	// What debootstrap mounts, such as /proc, goes away with it also when it is killed.
	args := []string{"--mount", "--pid", "--fork", "--kill-child", debootstrap.Path, "--variant=minbase", "--include=iproute2", suite, root, mirror}
	if _, err := runIn(ctx, env, "unshare", args...); err != nil {
		return err
	}
	// Packages ask this script whether their services may start (invoke-rc.d(8)).
	if err := os.WriteFile(filepath.Join(root, "usr/sbin/policy-rc.d"), []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "etc/apt/apt.conf.d/99machine"), ways, 0o644)
}

// installPackages installs packages, with what they need, in the root file system.
func installPackages(ctx context.Context, env []string, root string, packages []string) error {
	const install = `mount -t proc proc "$0/proc" && exec chroot "$0" apt-get install -q -y --no-install-recommends "$@"`
	args := append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", install, root}, packages...)
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
