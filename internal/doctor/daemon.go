package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/systemd"
	"sealmilter/internal/wiring"
)

const daemonTopic = "daemon"

// daemonProcess is a process of this host that runs "sealmilter serve".
type daemonProcess struct {
	pid  int
	uid  int
	file string // of its configuration, absolute
	// program is the file that it runs, nil if nobody but root may see that.
	program os.FileInfo
	// files is how many it may have open at a time, 0 if that is not known.
	files uint64
}

// daemons returns the processes under a proc(5) that serve mail on this host. What runs in a container with a root of its
// own is another host's.
func daemons(proc string) []daemonProcess {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	here, _ := os.Stat("/")
	var all []daemonProcess
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if filepath.Base(args[0]) != "sealmilter" || !slices.Contains(args[1:], "serve") {
			continue
		}
		if root, err := os.Stat(filepath.Join(dir, "root")); err == nil && here != nil && !os.SameFile(root, here) {
			continue
		}
		p := daemonProcess{pid: pid, file: configOf(args)}
		if folder, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && !filepath.IsAbs(p.file) {
			p.file = filepath.Join(folder, p.file)
		}
		about, _ := os.ReadFile(filepath.Join(dir, "status"))
		p.uid = int(numberIn(about, "Uid:"))
		limits, _ := os.ReadFile(filepath.Join(dir, "limits"))
		p.files = uint64(numberIn(limits, "Max open files"))
		p.program, _ = os.Stat(filepath.Join(dir, "exe"))
		all = append(all, p)
	}
	return all
}

// configOf returns the file that a command line names, the default one if it names none.
func configOf(args []string) string {
	for i, arg := range args {
		for _, flag := range []string{"-c", "--config"} {
			rest, found := strings.CutPrefix(arg, flag)
			switch {
			case found && rest == "" && i+1 < len(args):
				return args[i+1]
			case found && strings.HasPrefix(rest, "="), found && flag == "-c" && rest != "":
				return strings.TrimPrefix(rest, "=")
			}
		}
	}
	return config.DefaultFile
}

// numberIn returns the first number behind a word at the beginning of a line.
func numberIn(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if rest, found := bytes.CutPrefix(line, []byte(name)); found {
			if fields := strings.Fields(string(rest)); len(fields) > 0 {
				n, _ := strconv.ParseInt(fields[0], 10, 64)
				return n
			}
		}
	}
	return 0
}

// daemon looks at the sealmilter that runs.
func (r *Report) daemon(ctx context.Context, c *config.Config, file string) {
	if !Listens(ctx, c.Listen) {
		r.add("error", daemonTopic, "nothing listens at "+c.Listen.String()+": a mail server that is to ask sealmilter puts all mail off", startCommand(c))
	} else {
		r.add("ok", daemonTopic, "something listens at "+c.Listen.String(), "")
		all := daemons("/proc")
		r.Findings(daemonFindings(all, file, c))
		another := len(all) > 0 && !slices.ContainsFunc(all, func(p daemonProcess) bool { return sameFile(p.file, file) })
		if !another {
			r.admin(ctx, c, file, len(all) > 0)
		}
	}
	if systemd.Booted() {
		if out, err := wiring.RunHere(ctx, "systemctl", "is-enabled", premises.ServiceName); err != nil && strings.TrimSpace(string(out)) == "disabled" {
			r.add("warning", daemonTopic, "the service is not enabled: after the next start of the host all mail waits", "systemctl enable "+premises.ServiceName)
		}
	}
}

const restart = "systemctl restart " + premises.ServiceName + "; without systemd stop the daemon and start sealmilter serve"

// daemonFindings compares the daemons that run with this program and a configuration.
func daemonFindings(all []daemonProcess, file string, c *config.Config) []wiring.Finding {
	var found []wiring.Finding
	warn := func(detail, mend string) {
		found = append(found, wiring.Finding{State: wiring.Warning, Topic: daemonTopic, Detail: detail, Mend: mend})
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(p daemonProcess) bool { return !sameFile(p.file, file) })
	if len(mine) == 0 {
		if len(all) == 1 {
			warn(fmt.Sprintf("process %d serves with the configuration %s, and %s was checked", all[0].pid, all[0].file, file), "sealmilter check -c "+shell.Quote(all[0].file))
		}
		return found
	}
	self, err := os.Stat("/proc/self/exe")
	for _, p := range mine {
		who := fmt.Sprintf("process %d", p.pid)
		if p.program != nil && err == nil && !os.SameFile(p.program, self) {
			warn(who+" runs another program than the one that checks: sealmilter was upgraded since it was started, or this host has it twice", restart)
		}
		if p.uid == 0 {
			warn(who+" runs as root, which it does not need", "sealmilter setup postfix, or setup sendmail, makes a service with a user of its own")
		}
		if info, err := os.Stat(c.State); err == nil {
			if its, known := premises.OwnerOf(info); known && p.uid != 0 && its.UID != p.uid {
				found = append(found, wiring.Finding{State: wiring.Error, Topic: daemonTopic,
					Detail: fmt.Sprintf("%s runs as %s, and %s belongs to %s: it cannot use its database", who, nameOf(p.uid), c.State, nameOf(its.UID)), Mend: chownAll(nameOf(p.uid), c.State)})
			}
		}
		if needed := uint64(4*c.Limits.Connections + 300); p.files > 0 && p.files < needed {
			warn(fmt.Sprintf("%s may have %d files open, and %d connections may need %d: then connections fail, and mail is put off", who, p.files, c.Limits.Connections, needed),
				fmt.Sprintf("LimitNOFILE=%d in the unit, or ulimit -n %[1]d, and restart sealmilter; or fewer connections in [limits]", needed))
		}
		if len(found) == 0 {
			found = append(found, wiring.Finding{State: wiring.OK, Topic: daemonTopic, Detail: who + " runs this program with this configuration file, as " + nameOf(p.uid)})
		}
	}
	return found
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA != nil || errB != nil {
		absolute, err := filepath.Abs(b)
		return err == nil && a == absolute
	}
	return os.SameFile(infoA, infoB)
}

// admin asks the running daemon about itself. Its process may not have been seen, for it may run in a container.
func (r *Report) admin(ctx context.Context, c *config.Config, file string, seen bool) {
	address := c.Admin
	if address == "" {
		return
	}
	ready, text, err := admin.Ask(ctx, address, "/readyz")
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.add("error", "admin", fmt.Sprintf("sealmilter takes a connection at %s and says nothing: it hangs, and mail is put off", address), restart)
		return
	case err != nil && !seen:
		r.add("warning", "admin", fmt.Sprintf("nobody answers at %s (%v), and no process of this host runs sealmilter serve: what listens at %s may be another program", address, err, c.Listen),
			"look whose it is, ss -lxtnp as root, and correct listen or admin in the configuration; journalctl -n 20 -u "+premises.ServiceName)
	case err != nil:
		r.add("warning", "admin", fmt.Sprintf("nobody answers at %s (%v), though sealmilter runs", address, err), restart)
		return
	case !ready:
		r.add("error", "admin", "sealmilter runs and cannot handle mail: "+text, "the other errors of check say what to do; journalctl -u "+premises.ServiceName+" -n 20")
	default:
		r.add("ok", "admin", "sealmilter says that it is ready", "")
	}
	known, text, err := admin.Ask(ctx, address, admin.InForcePath)
	var running admin.InForce
	if err != nil || !known || json.Unmarshal([]byte(text), &running) != nil {
		return // an older one
	}
	r.Findings(inForceFindings(running, r.program.Version, file))
}

// reloadCommand has the daemon with a configuration read it again.
func reloadCommand(file string) string {
	if !systemd.Booted() {
		for _, p := range daemons("/proc") {
			if sameFile(p.file, file) {
				return fmt.Sprintf("kill -HUP %d", p.pid)
			}
		}
	}
	return "systemctl reload " + premises.ServiceName
}

// inForceFindings compares what the daemon works with and what there is.
func inForceFindings(running admin.InForce, version, file string) []wiring.Finding {
	f := wiring.Finding{State: wiring.Warning, Topic: daemonTopic}
	var changed time.Time
	if info, err := os.Stat(file); err == nil {
		changed = info.ModTime()
	}
	switch {
	case running.Version != version:
		f.Detail = fmt.Sprintf("the daemon is sealmilter %s, and this program is %s", running.Version, version)
		f.Mend = restart
	case !running.Changed.Equal(changed):
		f.Detail = fmt.Sprintf("%s was changed since the daemon has read it: it works with the configuration of before", file)
		f.Mend = reloadCommand(file) + "; some settings need a restart: sealmilter serve --help"
	default:
		f.State, f.Detail = wiring.OK, fmt.Sprintf("it is sealmilter %s, and has read the configuration as it is", running.Version)
	}
	return []wiring.Finding{f}
}
