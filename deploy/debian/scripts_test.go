package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// place is where the scripts find a host's folders, and a program that stands in for sealmilter.
type place struct{ state, etc, programs string }

func newPlace(t *testing.T) place {
	t.Helper()
	root := t.TempDir()
	p := place{filepath.Join(root, "state"), filepath.Join(root, "etc"), filepath.Join(root, "bin")}
	for _, folder := range []string{p.state, p.etc, p.programs} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.put(t, p.etc, "passphrase", "secret\n", 0o600)
	for _, name := range []string{"deb-systemd-invoke", "systemctl", "postconf", "getent", "userdel"} {
		p.put(t, p.programs, name, "#!/bin/sh\nexit 1\n", 0o755)
	}
	return p
}

func (place) put(t *testing.T, folder, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// run runs the script of this name; sealmilter is what the program does meanwhile, "" for one that is not there.
func (p place) run(t *testing.T, name, argument, sealmilter string) {
	t.Helper()
	text, err := script(name)
	if err != nil {
		t.Fatal(err)
	}
	if sealmilter != "" {
		p.put(t, p.programs, "sealmilter", "#!/bin/sh\n"+sealmilter+"\n", 0o755)
	}
	moved := strings.NewReplacer("/var/lib/sealmilter", p.state, "/etc/sealmilter", p.etc, "/etc/", p.etc+"/no/", "/run/systemd", p.etc+"/run").Replace(text)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", moved, name, argument)
	cmd.Env = append(os.Environ(), "PATH="+p.programs+":"+os.Getenv("PATH"), "STATE="+p.state)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, argument, err, out)
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// TestPurgeKeepsWhatSecretKeysNeed removes and purges the package after the program has said what is kept.
func TestPurgeKeepsWhatSecretKeysNeed(t *testing.T) {
	const none = "touch $STATE/sealmilter.db"
	for _, c := range []struct {
		name, sealmilter string
		since            func(t *testing.T, p place)
		kept             bool
	}{
		{"nothing is there", none, nil, false},
		{"a key in the database", "touch $STATE/sealmilter.db; echo AA", nil, true},
		{"a key in a database or a state directory elsewhere", "echo AA", nil, true},
		{"nobody can tell", "exit 1", nil, true},
		{"somebody has gone on without the package", none, func(t *testing.T, p place) {
			p.put(t, p.state, "sealmilter.db-wal", "more", 0o600)
			later := time.Now().Add(time.Minute)
			if err := os.Chtimes(filepath.Join(p.state, "sealmilter.db-wal"), later, later); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			p.run(t, "prerm", "remove", c.sealmilter)
			if c.since != nil {
				c.since(t, p)
			}
			before := exists(filepath.Join(p.state, "sealmilter.db"))
			p.run(t, "postrm", "purge", "")
			if got := exists(filepath.Join(p.etc, "passphrase")); got != c.kept {
				t.Errorf("the passphrase is there: %v", got)
			}
			if got := exists(filepath.Join(p.state, "sealmilter.db")); got != (before && c.kept) {
				t.Errorf("the database is there: %v", got)
			}
			if exists(filepath.Join(p.etc, "no-secret-keys")) {
				t.Error("a mark is left behind")
			}
		})
	}
}

// TestScriptsFollowNoLink has the daemon's user lay links into the folder that belongs to it, while root looks at it.
func TestScriptsFollowNoLink(t *testing.T) {
	p := newPlace(t)
	elsewhere := filepath.Join(p.programs, "nologin")
	p.put(t, p.state, "sealmilter.db", "", 0o600)
	p.run(t, "prerm", "remove", "for name in no-secret-keys passphrase; do ln -sf "+elsewhere+" $STATE/$name; done")
	p.run(t, "postrm", "purge", "")
	if exists(elsewhere) {
		t.Error("root has made a file where the daemon's user wants one")
	}
}
