package bom

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Program is a program and what is linked into it.
type Program struct {
	// Version is that of the main module, "(devel)" if none was recorded, and Commit the commit it is made from, which may
	// be "". Time is when that was committed, zero if it is not known.
	Version, Commit string
	Time            time.Time
	// Arch is the processor, as Go names it.
	Arch string
	// Modules are in the order of their paths. The standard library is one of them, "std".
	Modules []Module
}

// Module is a module that is linked into a program.
type Module struct {
	Path, Version string
	// Sum is the checksum of go.sum, "" for the standard library.
	Sum string
	// Licence is the SPDX identifier of the main text, and Texts are all texts about licences of what is linked.
	Licence string
	Texts   []Text
}

// Text is a file of a module.
type Text struct {
	// Name is its path in the module.
	Name    string
	Content string
}

// ErrNoLicence is the error for a module without a licence that is known: nobody may hand it on.
var ErrNoLicence = errors.New("no licence was found")

// Read reads of what a program is made. The sources folder is that of the main module, in which pkg is the program's
// package; the modules are taken from where the go command keeps them.
func Read(ctx context.Context, program, sources, pkg string) (*Program, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read of what %s is built: %w", program, err)
	}
	p := &Program{Version: info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			p.Commit = s.Value
		case "vcs.time":
			if p.Time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return nil, fmt.Errorf("read of what %s is built: %w", program, err)
			}
		case "GOARCH":
			p.Arch = s.Value
		}
	}
	folders, err := packageFolders(ctx, sources, pkg, p.Arch)
	if err != nil {
		return nil, err
	}
	deps := append(slices.Clone(info.Deps), &debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")})
	for _, d := range deps {
		if d.Replace != nil {
			d = d.Replace
		}
		m := Module{Path: d.Path, Version: d.Version, Sum: d.Sum}
		if m.Texts, err = texts(folders[d.Path]); err != nil {
			return nil, err
		}
		if m.Licence = mainLicence(m.Texts); m.Licence == "" {
			return nil, fmt.Errorf("%s %s: %w; look at it, and teach deploy/bom its licence or do without it", m.Path, m.Version, ErrNoLicence)
		}
		p.Modules = append(p.Modules, m)
	}
	slices.SortFunc(p.Modules, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return p, nil
}

// linked are the folders of a module: its own and those of the packages that are linked.
type linked struct {
	root     string
	packages []string
}

// packageFolders returns the folders of all packages that are linked into a program, by module.
func packageFolders(ctx context.Context, sources, pkg, arch string) (map[string]linked, error) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Standard,Module", pkg)
	list.Dir = sources
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	var failed bytes.Buffer
	list.Stderr = &failed
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w: %s", pkg, err, bytes.TrimSpace(failed.Bytes()))
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the standard library: %w", err)
	}
	all := map[string]linked{"std": {root: strings.TrimSpace(string(goroot))}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct{ Path, Dir string }
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the packages of %s: %w", pkg, err)
		}
		if p.Standard || p.Module == nil {
			continue
		}
		l := all[p.Module.Path]
		l.root = p.Module.Dir
		l.packages = append(l.packages, p.Dir)
		all[p.Module.Path] = l
	}
}

// texts returns the files about licences in the folders of linked packages, and in all folders above them in the module.
func texts(l linked) ([]Text, error) {
	if l.root == "" {
		return nil, nil
	}
	folders := []string{l.root}
	for _, dir := range l.packages {
		for ; len(dir) > len(l.root); dir = filepath.Dir(dir) {
			folders = append(folders, dir)
		}
	}
	slices.Sort(folders)
	var all []Text
	for _, dir := range slices.Compact(folders) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !aboutLicence(e) {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(l.root, filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, Text{name, string(content)})
		}
	}
	return all, nil
}
