package wiring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/config"
)

// SendmailHost is the sendmail of this host, with its files and commands.
type SendmailHost struct {
	*Sendmail
	// Submit is submit.cf, nil if there is none.
	Submit  *Sendmail
	run     Run
	folder  string // of the .mc and .cf files
	version string
}

// sendmailFolder holds the files on every system that has packages of sendmail.
const sendmailFolder = "/etc/mail"

// FindSendmail reads the settings of the sendmail of this host. Errors wrap [ErrNoMTA] if there is none; the command of
// that name belongs to every other mail server, too.
func FindSendmail(ctx context.Context, run Run) (*SendmailHost, error) {
	h := &SendmailHost{run: run, folder: sendmailFolder}
	cf, err := os.ReadFile(filepath.Join(h.folder, "sendmail.cf"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sendmail: %w", ErrNoMTA)
	}
	if err != nil {
		return nil, fmt.Errorf("read sendmail's settings: %w", err)
	}
	out, err := run(ctx, "sendmail", "-d0.1", "-bP")
	_, version, found := strings.Cut(string(out), "Version ")
	if !found {
		return nil, fmt.Errorf("%s is there, and the command sendmail is not that of sendmail: %w", filepath.Join(h.folder, "sendmail.cf"), errors.Join(ErrNoMTA, err))
	}
	h.version, _, _ = strings.Cut(version, "\n")
	h.Sendmail = ParseSendmail(string(cf))
	submit, err := os.ReadFile(filepath.Join(h.folder, "submit.cf"))
	switch {
	case err == nil:
		h.Submit = ParseSendmail(string(submit))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read sendmail's settings: %w", err)
	}
	return h, nil
}

// Settings returns the files with its settings.
func (h *SendmailHost) Settings() []string {
	return []string{filepath.Join(h.folder, "sendmail.cf"), filepath.Join(h.folder, "submit.cf")}
}

// Name is the MTA's name and version.
func (h *SendmailHost) Name() string { return "sendmail " + strings.TrimSpace(h.version) }

// Check is [Sendmail.Check] of both files.
func (h *SendmailHost) Check(c *config.Config) []Finding { return h.Sendmail.Check(h.Submit, c) }

// Changes returns the changes that wire it to a sealmilter with the configuration c: of the sources, and of the .cf files
// that are made of them. Errors wrap [ErrRefused] where the administrator has to do something first.
func (h *SendmailHost) Changes(ctx context.Context, c *config.Config) ([]FileChange, error) {
	var files [4]FileChange
	for i, name := range []string{"sendmail.mc", "sendmail.cf", "submit.mc", "submit.cf"} {
		var err error
		if files[i], err = Read(filepath.Join(h.folder, name)); err != nil {
			return nil, fmt.Errorf("read sendmail's settings: %w", err)
		}
		if files[i].Before == nil {
			return nil, fmt.Errorf("%s is missing; %w; install the package sendmail-cf, or wire sendmail by hand as deploy/sendmail does", files[i].Path, ErrRefused)
		}
	}
	wired, err := WireSendmail(SendmailFiles{string(files[0].Before), string(files[2].Before)}, c)
	if err != nil {
		return nil, err
	}
	files[0].After, files[2].After = []byte(wired.MC), []byte(wired.Submit)
	for _, i := range []int{0, 2} {
		if !files[i].Changes() {
			continue
		}
		if err := h.translate(ctx, files[i], &files[i+1]); err != nil {
			return nil, err
		}
	}
	return files[:], nil
}

// translate makes the .cf file of a source. A .cf file that is not what its source makes now was changed by hand, and that
// would be lost.
func (h *SendmailHost) translate(ctx context.Context, mc FileChange, cf *FileChange) error {
	now, err := h.m4(ctx, mc.Before)
	if err != nil {
		return err
	}
	if settings(now) != settings(cf.Before) {
		return fmt.Errorf("%s is not what %s makes, so changes that were made in it by hand would be lost; %w; make them in %[2]s first, and type make -C %s",
			cf.Path, mc.Path, ErrRefused, h.folder)
	}
	return h.make(ctx, mc, cf)
}

// make makes the .cf file of a source anew.
func (h *SendmailHost) make(ctx context.Context, mc FileChange, cf *FileChange) (err error) {
	if cf.After, err = h.m4(ctx, mc.After); err != nil {
		return err
	}
	// Debian's Makefile appends the source as comments.
	if mark := "### " + mc.Path + " ###\n"; strings.Contains(string(cf.Before), mark) {
		cf.After = append(cf.After, mark...)
		for line := range strings.Lines(string(mc.After)) {
			cf.After = append(cf.After, "# "+line...)
		}
	}
	return nil
}

// m4 translates a source as the distributions' Makefiles do.
func (h *SendmailHost) m4(ctx context.Context, mc []byte) ([]byte, error) {
	file, err := os.CreateTemp(h.folder, ".sealmilter-*.mc")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(mc)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	cf, err := h.run(ctx, "m4", file.Name())
	if err != nil {
		return nil, fmt.Errorf("translate the sources of sendmail: %w", err)
	}
	return cf, nil
}

// settings returns a .cf file without comments and empty lines: the comments tell when and by whom it was made.
func settings(cf []byte) string { return strings.Join(cfLines(string(cf)), "\n") }

// Restore makes the .cf files anew whose sources lose sealmilter's lines, and which were changed since and so cannot come
// back as they were.
func (h *SendmailHost) Restore(ctx context.Context, changes []FileChange) error {
	for _, mc := range changes {
		for i := range changes {
			cf := &changes[i]
			if !mc.Changes() || cf.Changes() || cf.Before == nil || cf.Path != strings.TrimSuffix(mc.Path, ".mc")+".cf" {
				continue
			}
			if err := h.make(ctx, mc, cf); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unwired returns a file without what was added to it. A .cf file is left to [SendmailHost.Restore].
func (h *SendmailHost) Unwired(path string, now, _ []byte, _ *config.Config) []byte {
	if strings.HasSuffix(path, ".mc") {
		return []byte(UnwireSendmail(string(now)))
	}
	return now
}

// Commands returns what has to be run after the files have changed: the first one checks them, the last one puts them in
// force, if the MTA runs.
func (h *SendmailHost) Commands(context.Context) [][]string {
	commands := [][]string{{"sendmail", "-C", filepath.Join(h.folder, "sendmail.cf"), "-d0.1", "-bP"}}
	if !h.runs() {
		return commands
	}
	if isDirectory("/run/systemd/system") {
		return append(commands, []string{"systemctl", "restart", "sendmail.service"})
	}
	return append(commands, []string{"/etc/init.d/sendmail", "restart"})
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// runs reports whether the process of the PID file is there.
func (h *SendmailHost) runs() bool {
	text, err := os.ReadFile(h.Options["pidfile"])
	if err != nil {
		return false
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return number(pid) > 0 && isDirectory("/proc/"+pid)
}

// SocketGroup is "": sendmail asks its filters as root.
func (h *SendmailHost) SocketGroup() string { return "" }

// ClientAddress returns the address on this host at which clients hand in mail without logging in, "" if there is none.
func (s *Sendmail) ClientAddress() string {
	for _, d := range s.Daemons {
		if d.port() != "25" {
			continue
		}
		if d.Addr == "" || d.Addr == "0.0.0.0" {
			return "127.0.0.1:25"
		}
		return d.Addr + ":25"
	}
	return ""
}
