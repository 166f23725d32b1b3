package wiring

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"sealmilter/internal/config"
)

// PostfixHost is the Postfix of this host, with its files and commands.
type PostfixHost struct {
	*Postfix
	run       Run
	directory string // of main.cf
}

// FindPostfix reads the settings of the Postfix of this host. Errors wrap [ErrNoMTA] if there is none.
func FindPostfix(ctx context.Context, run Run) (*PostfixHost, error) {
	p, err := ReadPostfix(ctx, run)
	if err != nil {
		return nil, err
	}
	return &PostfixHost{Postfix: p, run: run, directory: p.Main["config_directory"]}, nil
}

// Name is the MTA's name and version.
func (p *PostfixHost) Name() string { return "Postfix " + p.Version() }

func (p *PostfixHost) read() (main, master FileChange, err error) {
	if main, err = Read(filepath.Join(p.directory, "main.cf")); err == nil {
		master, err = Read(filepath.Join(p.directory, "master.cf"))
	}
	if err != nil {
		return main, master, fmt.Errorf("read Postfix's settings: %w", err)
	}
	return main, master, nil
}

// Changes returns the changes that wire it to a sealmilter with the configuration c; some or all may be none. Errors wrap
// [ErrRefused] where the administrator has to do something first.
func (p *PostfixHost) Changes(_ context.Context, c *config.Config) ([]FileChange, error) {
	main, master, err := p.read()
	if err != nil {
		return nil, err
	}
	wired, err := p.Wire(PostfixFiles{string(main.Before), string(master.Before)}, c)
	if err != nil {
		return nil, err
	}
	main.After, master.After = []byte(wired.Main), []byte(wired.Master)
	return []FileChange{main, master}, nil
}

// Unwired returns a file of settings without what was added to it, for one that was changed since.
func (p *PostfixHost) Unwired(path string, now, before []byte, c *config.Config) []byte {
	switch filepath.Base(path) {
	case "main.cf":
		return []byte(p.Unwire(PostfixFiles{Main: string(now)}, PostfixFiles{Main: string(before)}, c).Main)
	case "master.cf":
		return []byte(p.Unwire(PostfixFiles{Master: string(now)}, PostfixFiles{Master: string(before)}, c).Master)
	default:
		return now
	}
}

// Commands returns what has to be run after the files have changed: the first ones check them, the last one puts them in
// force, if the MTA runs.
func (p *PostfixHost) Commands(ctx context.Context) [][]string {
	commands := [][]string{{"postfix", "check"}}
	if _, err := p.run(ctx, "postfix", "status"); err == nil {
		commands = append(commands, []string{"postfix", "reload"})
	}
	return commands
}

// ClientAddress returns the address on this host at which clients hand in mail without logging in, "" if there is none.
func (p *Postfix) ClientAddress() string {
	for _, s := range p.Services {
		if s.Type != "inet" || s.Command != "smtpd" && s.Command != "postscreen" {
			continue
		}
		host, port, err := net.SplitHostPort(s.Name)
		if err != nil {
			host, port = p.interfaceAddress(), s.Name
		}
		if number, err := net.LookupPort("tcp", port); err == nil && number == 25 {
			return net.JoinHostPort(host, "25")
		}
	}
	return ""
}

// Settings returns the files with its settings.
func (p *PostfixHost) Settings() []string {
	return []string{filepath.Join(p.directory, "main.cf"), filepath.Join(p.directory, "master.cf")}
}

// interfaceAddress returns an address of inet_interfaces, loopback if that is one.
func (p *Postfix) interfaceAddress() string {
	loopback := "127.0.0.1"
	if protocols := words(p.Main["inet_protocols"], listSeparators); slices.Equal(protocols, []string{"ipv6"}) {
		loopback = "::1"
	}
	all := words(p.Main["inet_interfaces"], listSeparators)
	for _, name := range []string{"all", "loopback-only", "localhost", loopback} {
		if slices.Contains(all, name) {
			return loopback
		}
	}
	for _, name := range all {
		return strings.Trim(name, "[]")
	}
	return loopback
}

// SocketGroup is the group of the daemons, which have to reach a socket of sealmilter. Only a socket in the queue directory
// is Postfix's to reach by its group; others are where the administrator has put them.
func (p *PostfixHost) SocketGroup() string { return p.Main["mail_owner"] }

// Restore has nothing to do: no file of Postfix is made of another one.
func (p *PostfixHost) Restore(context.Context, []FileChange) error { return nil }
