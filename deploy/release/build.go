package release

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"sealmilter/deploy/bom"
	"sealmilter/deploy/debian"
)

// pkg is the program's package in the sources.
const pkg = "./cmd/sealmilter"

// Options say what is built.
type Options struct {
	// Sources is the folder of the sources, and Folder where the results go; it is made.
	Sources, Folder string
	// Archs are the processors, as Go names them.
	Archs []string
	// PackagesOnly leaves the programs, the lists and the checksums out.
	PackagesOnly bool
	// Maintainer of the packages, as in "Name <address>"; "" is that of the last commit.
	Maintainer string
	// Compression is that of [debian.Package].
	Compression string
	// Env is added to the environment of the go command, such as "GOCACHE=...".
	Env []string
}

// Build builds a release and returns the paths of what it wrote.
func Build(ctx context.Context, o Options) ([]string, error) {
	maintainer := o.Maintainer
	if maintainer == "" {
		maintainer = committer(ctx, o.Sources)
	}
	if err := os.MkdirAll(o.Folder, 0o755); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "sealmilter-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	programs := make(map[string]string)
	// The one for this machine writes manual pages and completions.
	for _, arch := range append([]string{runtime.GOARCH}, o.Archs...) {
		if programs[arch] != "" {
			continue
		}
		programs[arch] = filepath.Join(scratch, "sealmilter-"+arch)
		if err := Program(ctx, o, arch, programs[arch]); err != nil {
			return nil, err
		}
	}
	var written []string
	for _, arch := range o.Archs {
		made, err := bom.Read(ctx, programs[arch], o.Sources, pkg)
		if err != nil {
			return nil, err
		}
		p := debian.Package{
			Program: programs[arch], Native: programs[runtime.GOARCH], Sources: o.Sources, Made: made,
			Version: debian.Version(made.Version), Maintainer: maintainer, Compression: o.Compression,
		}
		path, err := p.Build(ctx, o.Folder)
		if err != nil {
			return nil, err
		}
		written = append(written, path)
		if o.PackagesOnly {
			continue
		}
		list, err := made.CycloneDX()
		if err != nil {
			return nil, err
		}
		program, err := os.ReadFile(programs[arch])
		if err != nil {
			return nil, err
		}
		name := filepath.Join(o.Folder, "sealmilter-"+p.Version+"-linux-"+arch)
		if err := os.WriteFile(name, program, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name+".cdx.json", list, 0o644); err != nil {
			return nil, err
		}
		written = append(written, name, name+".cdx.json")
	}
	if o.PackagesOnly {
		return written, nil
	}
	sums := filepath.Join(o.Folder, "SHA256SUMS")
	slices.Sort(written)
	text, err := checksums(written)
	if err == nil {
		err = os.WriteFile(sums, text, 0o644)
	}
	return append(written, sums), err
}

// Program builds a program for a processor that needs nothing of the system but its kernel. What would show the folder, the
// time or the settings of this machine is left out or fixed.
func Program(ctx context.Context, o Options, arch, path string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-ldflags=-s -w -buildid=", "-o", path, pkg)
	build.Dir = o.Sources
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=")
	build.Env = append(build.Env, o.Env...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program for %s: %w: %s", arch, err, bytes.TrimSpace(out))
	}
	return nil
}

// committer returns who made the last commit, or somebody who is nobody where there is none.
func committer(ctx context.Context, sources string) string {
	log := exec.CommandContext(ctx, "git", "log", "-1", "--format=%cn <%ce>")
	log.Dir = sources
	out, err := log.Output()
	if who := strings.TrimSpace(string(out)); err == nil && who != "" {
		return who
	}
	return "nobody <root@localhost>"
}
