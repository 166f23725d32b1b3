package lab_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// programs makes a search path with nothing on it but these shell scripts, and an empty cache folder.
func programs(t *testing.T, scripts map[string]string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for name, script := range scripts {
		text := "#!/bin/sh\nPATH=/usr/bin:/bin\ncd " + folder + "\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	t.Setenv("SEALMILTER_CACHE", t.TempDir())
	return folder
}

// A fresh machine has no package lists, and lacks more than the package that is asked for.
func TestUnpackOnFreshMachine(t *testing.T) {
	folder := programs(t, map[string]string{
		"apt-get": `
			echo "$@" >>calls
			case "$1" in
			update) touch lists ;;
			-s) test -e lists || { echo "E: Unable to locate package mta" >&2; exit 100; }
				printf 'Inst libmta1 (1.0 Debian)\nInst libc6 [2.36] (2.37 Debian)\nInst mta (3.7 Debian)\nConf mta (3.7)\n' ;;
			download) cd "$OLDPWD"; shift 4; for name; do echo "$name" >"${name}_1.0_all.deb"; done ;;
			esac`,
		"dpkg-deb": `mkdir -p "$3/usr/bin"; cp "$2" "$3/usr/bin/$(cat "$2")"`,
	})
	var group sync.WaitGroup
	trees := make([]lab.Tree, 3)
	for i := range trees { // as several test packages do
		group.Go(func() {
			var err error
			if trees[i], err = lab.Unpack(bounded(t), t.Output(), "mta"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()

	for _, tree := range trees {
		for program, want := range map[string]bool{"mta": true, "libmta1": true, "libc6": false} {
			if _, err := os.Stat(tree.Path("/usr/bin/" + program)); (err == nil) != want {
				t.Errorf("%s: %v", program, err)
			}
		}
	}
	calls, err := os.ReadFile(filepath.Join(folder, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `-s --no-install-recommends install mta
update -q
-s --no-install-recommends install mta
download -q -o APT::Sandbox::User=root mta libmta1
`
	if string(calls) != want {
		t.Errorf("apt-get was called with\n%s", calls)
	}
	left, err := filepath.Glob(filepath.Dir(trees[0].Root) + "/*")
	if err != nil || len(left) != 1 {
		t.Errorf("the cache holds %q", left)
	}
}

// What fails leaves no half a tree, and says why.
func TestUnpackFails(t *testing.T) {
	for name, test := range map[string]struct {
		scripts map[string]string
		want    string
	}{
		"no apt":     {nil, "apt-get"},
		"no network": {map[string]string{"apt-get": `echo "E: Failed to fetch, no route" >&2; exit 100`, "dpkg-deb": ""}, "apt-get update failed: exit status 100\nE: Failed to fetch, no route"},
		"a broken archive": {map[string]string{
			"apt-get":  `test "$1" != download || touch "$OLDPWD/mta.deb"`,
			"dpkg-deb": `mkdir "$3/half"; echo "unexpected end of file" >&2; exit 2`,
		}, "unexpected end of file"},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, test.scripts)
			for range 2 { // the second time as the first
				_, err := lab.Unpack(bounded(t), io.Discard, "mta")
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "packages mta") {
					t.Errorf("the error is: %v", err)
				}
			}
		})
	}
}

// GnuPG works from Debian's packages as it does where it is installed.
func TestGPGFromPackages(t *testing.T) {
	t.Setenv("SEALMILTER_CACHE", t.TempDir())
	folder := t.TempDir()
	for _, name := range []string{"apt-get", "dpkg-deb", "tar", "sh"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	gpg := newGPG(t)
	key(t, gpg, "bob@lab.test")
	if opened, err := gpg.Open(bounded(t), encrypt(t, gpg)); err != nil || string(opened.Payload) != payload {
		t.Errorf("opened %+v, %v", opened, err)
	}
}
