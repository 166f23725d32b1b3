package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// daemonsHost returns a folder that everybody can enter, and in it a state directory of the user 65534. It needs root,
// as check does to see what the daemon's user cannot read.
func daemonsHost(t *testing.T) (dir, state string) {
	t.Helper()
	dir = t.TempDir()
	state = filepath.Join(dir, "state")
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return dir, state
}

// placed writes a file with an owner and a mode.
func placed(t *testing.T, path, text string, uid, gid int, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestNamedFiles(t *testing.T) {
	dir, state := daemonsHost(t)
	path := filepath.Join(dir, "a file")
	secret := namedFile{path, "the password", true, "it does not start"}
	public := namedFile{path, "the authority", false, "it does not start"}
	roots := namedFile{path, "the passphrase", true, ""}
	for name, tc := range map[string]struct {
		file       namedFile
		uid, gid   int
		mode       os.FileMode
		want, mend string
	}{
		"group of the daemon":    {secret, 0, 65534, 0o640, "ok files: " + path + " is closed to others", ""},
		"daemon's own":           {secret, 65534, 65534, 0o600, "ok files: ", ""},
		"root's alone":           {secret, 0, 0, 0o600, "error files: " + path + " cannot be read by the user that owns " + state + ", as whom the daemon runs: it does not start", "' && chmod 0640 '"},
		"root's, by credential":  {roots, 0, 0, 0o600, "ok files: ", ""},
		"everybody's":            {secret, 0, 65534, 0o644, "error files: others may read or write " + path + " (mode 0644), which holds the password", "chmod o= '"},
		"group may write":        {secret, 0, 65534, 0o660, "error files: others may write ", "chmod go-w '"},
		"another's":              {secret, 61234, 65534, 0o640, "error files: " + path + " belongs to the user 61234", "chown root '"},
		"another group":          {roots, 0, 61234, 0o640, "warning files: members of the group 61234 may read ", "chgrp "},
		"authority":              {public, 0, 0, 0o644, "", ""},
		"authority, closed":      {public, 0, 0, 0o600, "error files: " + path + " cannot be read by the user", "chgrp "},
		"authority, all may":     {public, 0, 0, 0o666, "error files: others may write ", "chmod go-w '"},
		"authority of another":   {public, 61234, 0, 0o644, "error files: " + path + " belongs to the user 61234", "chown root '"},
		"the daemon's authority": {public, 65534, 0, 0o644, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			placed(t, path, "hunter2", tc.uid, tc.gid, tc.mode)
			r, found := collected()
			r.named(t.Context(), state, tc.file)
			wantLine(t, *found, tc.want)
			for _, f := range *found {
				if !strings.Contains(f.Mend, tc.mend) || strings.Contains(f.Detail+f.Mend, "hunter2") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r, found := collected()
	r.named(t.Context(), state, public)
	wantLine(t, *found, "error files: "+path+" cannot be found; it should hold the authority")
}

func TestFilesOfConfiguration(t *testing.T) {
	for name, tc := range map[string]struct {
		config string
		want   []string
	}{
		"none":     {"", nil},
		"sources":  {"[keys]\nca_file = \"/ca\"\nldap = { server = \"ldaps://l\", base = \"dc=x\", user = \"cn=x\", password_file = \"/ldap\" }", []string{"/ldap", "/ca"}},
		"database": {`database = "postgres://a@db/x?passfile=/pass&sslkey=/key&sslcert=/cert&sslrootcert=/root"`, []string{"/pass", "/key", "/cert", "/root"}},
		"system":   {`database = "postgres://a@db/x?sslrootcert=system"`, nil},
	} {
		var got []string
		for _, f := range namedFiles(parsedConfig(t, tc.config)) {
			got = append(got, f.path)
			if f.secret != slices.Contains([]string{"/ldap", "/pass", "/key"}, f.path) || f.without == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestConfigurationFile looks at the file itself.
func TestConfigurationFile(t *testing.T) {
	dir, state := daemonsHost(t)
	file := filepath.Join(dir, "sealmilter.toml")
	plain, withPassword := parsedConfig(t, ""), parsedConfig(t, `database = "postgres://a:hunter2@db/x"`)
	plain.State, withPassword.State = state, state
	for name, tc := range map[string]struct {
		password bool
		uid, gid int
		mode     os.FileMode
		want     string
	}{
		"readable":               {false, 0, 0, 0o644, ""},
		"with a password":        {true, 0, 65534, 0o640, ""},
		"others":                 {true, 0, 65534, 0o644, "error files: others may read " + file + " (mode 0644), and the password"},
		"another group":          {true, 0, 61234, 0o640, "warning files: members of the group 61234 may read"},
		"other group, no secret": {false, 65534, 61234, 0o640, ""},
		"writable":               {false, 0, 65534, 0o664, "error files: others may write " + file},
		"another's":              {false, 61234, 0, 0o644, "error files: the user 61234 may write " + file},
		"closed to the daemon":   {false, 0, 0, 0o640, "error files: " + file + " cannot be read by the user"},
	} {
		t.Run(name, func(t *testing.T) {
			placed(t, file, "", tc.uid, tc.gid, tc.mode)
			c := plain
			if tc.password {
				c = withPassword
			}
			r, found := collected()
			r.configFile(t.Context(), file, c)
			all := *found
			if name == "another group" { // nor can the daemon read it
				all = all[:1]
			}
			wantLine(t, all, tc.want)
		})
	}
}

func TestDatabasePassword(t *testing.T) {
	for database, want := range map[string]bool{
		"": false, "postgres://a@db/x": false, "postgres://a@db/x?passfile=/y": false,
		"postgres://a:b@db/x": true, "postgres://a@db/x?password=b": true, "postgres://a@db/x?sslpassword=b": true,
	} {
		if got := databasePassword(database); got != want {
			t.Errorf("%q: %t", database, got)
		}
	}
}

func TestShutFolder(t *testing.T) {
	dir, state := daemonsHost(t)
	inner := filepath.Join(dir, "a b", "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(inner, "file")
	placed(t, file, "", 0, 0, 0o600)
	if got := letRead(state, file); !strings.HasPrefix(got, "chgrp ") {
		t.Error(got)
	}
	for _, folder := range []string{inner, filepath.Dir(inner)} {
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if got, want := letRead(state, file), "chmod o+x '"+folder+"'"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
