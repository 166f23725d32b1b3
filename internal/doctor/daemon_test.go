package doctor

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
)

// TestDaemons reads processes from a folder that is laid out as proc(5) is.
func TestDaemons(t *testing.T) {
	proc := t.TempDir()
	process := func(pid, root, cwd, status string, args ...string) {
		dir := filepath.Join(proc, pid)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"cmdline": strings.Join(args, "\x00") + "\x00", "status": status,
			"limits": "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for name, to := range map[string]string{"root": root, "cwd": cwd, "exe": "/proc/self/exe"} {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	process("10", "/", "/srv", "Name:\tsealmilter\nUid:\t999\t999\t999\t999\n", "/usr/local/bin/sealmilter", "serve", "-c", "s.toml")
	process("11", "/", "/", "Uid:\t0\t0\t0\t0\n", "sealmilter", "witness")
	process("12", t.TempDir(), "/", "Uid:\t0\t0\t0\t0\n", "sealmilter", "serve") // in a container
	process("13", "/", "/", "", "vi", "sealmilter", "serve")
	process("self", "/", "/", "", "sealmilter", "serve")
	all := daemons(proc)
	if len(all) != 1 || all[0].pid != 10 || all[0].uid != 999 || all[0].file != "/srv/s.toml" || all[0].files != 1024 || all[0].program == nil {
		t.Errorf("%+v", all)
	}
}

func TestConfigOf(t *testing.T) {
	for line, want := range map[string]string{
		"sealmilter serve":                config.DefaultFile,
		"sealmilter serve -c /a":          "/a",
		"sealmilter -c/a serve":           "/a",
		"sealmilter serve --config /a":    "/a",
		"sealmilter serve --config=/a":    "/a",
		"sealmilter serve -c":             config.DefaultFile,
		"sealmilter serve --configuratio": config.DefaultFile,
	} {
		if got := configOf(strings.Fields(line)); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

func TestDaemonFindings(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "a.toml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := parsedConfig(t, "state = "+`"`+state+`"`)
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, 61999, 61999); err != nil {
		t.Skip(err)
	}
	well := daemonProcess{pid: 10, uid: 61999, file: file, program: self, files: 1 << 20}
	for name, tc := range map[string]struct {
		change func(*daemonProcess)
		want   string
	}{
		"well":             {change: func(*daemonProcess) {}},
		"other file":       {change: func(p *daemonProcess) { p.file = "/etc/other.toml" }, want: "warning daemon: process 10 serves with the configuration /etc/other.toml"},
		"upgraded":         {change: func(p *daemonProcess) { p.program = other }, want: "warning daemon: process 10 runs another program"},
		"program unseen":   {change: func(p *daemonProcess) { p.program = nil }},
		"root":             {change: func(p *daemonProcess) { p.uid = 0 }, want: "warning daemon: process 10 runs as root"},
		"another's state":  {change: func(p *daemonProcess) { p.uid = 61998 }, want: "error daemon: process 10 runs as 61998, and " + state + " belongs to 61999"},
		"few files":        {change: func(p *daemonProcess) { p.files = 1024 }, want: "warning daemon: process 10 may have 1024 files open, and 1000 connections may need 4300"},
		"limit not seen":   {change: func(p *daemonProcess) { p.files = 0 }},
		"same file, other": {change: func(p *daemonProcess) { p.file = state + "/../" + filepath.Base(state) + "/a.toml" }},
	} {
		t.Run(name, func(t *testing.T) {
			p := well
			tc.change(&p)
			wantLine(t, daemonFindings([]daemonProcess{p}, file, c), tc.want)
		})
	}
	// Every user of the host can start a program by this name, and chooses what it is started with.
	p := well
	p.file = "/tmp/$(id)"
	if found := daemonFindings([]daemonProcess{p}, file, c); len(found) != 1 || found[0].Mend != "sealmilter check -c '/tmp/$(id)'" {
		t.Errorf("%+v", found)
	}
}

// TestInForce has a daemon tell what it works with, and changes the file after that.
func TestInForce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	read := time.Unix(1_900_000_000, 0)
	if err := os.Chtimes(file, time.Time{}, read); err != nil {
		t.Fatal(err)
	}
	status, version := http.StatusOK, "v1.2.3"
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no database", status) })
	mux.HandleFunc("/inforce", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"version":%q,"changed":%q}`, version, read.UTC().Format(time.RFC3339Nano))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	c := parsedConfig(t, `admin = "`+address+`"`)
	want := func(line string) {
		t.Helper()
		r, found := collected()
		r.admin(t.Context(), c, file, true)
		wantLine(t, *found, line)
	}
	want("")
	version = "v0.0.1"
	want("warning daemon: the daemon is sealmilter v0.0.1, and this program is v1.2.3")
	version = "v1.2.3"
	if err := os.Chtimes(file, time.Time{}, read.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	want("warning daemon: " + file + " was changed since the daemon has read it")
	read = read.Add(time.Second)
	status = http.StatusServiceUnavailable
	want("error admin: sealmilter runs and cannot handle mail: no database")
	server.Close()
	want("warning admin: nobody answers at " + address)
	r, found := collected()
	r.admin(t.Context(), c, file, false)
	wantLine(t, *found, "warning admin: nobody answers at "+address)
	if text := fmt.Sprint(*found); strings.Contains(text, "sealmilter runs") || !strings.Contains(text, "may be another program") || !strings.Contains(text, "ss -lxtnp") {
		t.Errorf("nothing that runs is known to be sealmilter, and check says %s", text)
	}
	wantLine(t, inForceFindings(admin.InForce{Version: "v1"}, "v1", "/nowhere/at/all"), "") // the defaults hold
}

// TestNothingListens ends with an error, which a job that looks at the exit status alone gets to see: all mail is put off.
func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := parsedConfig(t, `listen = "inet:`+l.Addr().String()+`"`)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, found := collected()
	r.daemon(t.Context(), c, "/nowhere/at/all")
	wantLine(t, *found, "error daemon: nothing listens at "+c.Listen.String())
}
