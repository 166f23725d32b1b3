package debian

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"sealmilter/deploy"
	"sealmilter/deploy/bom"
)

//go:embed scripts
var scripts embed.FS

// Package is what a package is made of.
type Package struct {
	// Program is the path of the static program, and Native of one of the same sources that runs on this machine.
	Program, Native string
	// Sources is the folder of the sources, whose pages are shipped.
	Sources string
	// Made is of what the program is made; its Time is that of every file.
	Made *bom.Program
	// Version is that of the package; see [Version].
	Version string
	// Maintainer is as in "Name <address>".
	Maintainer string
	// Compression is one that dpkg-deb knows; "" is xz.
	Compression string
}

func (p *Package) arch() string { return architectures[p.Made.Arch] }

// Build writes the package into a folder and returns its path, sealmilter_VERSION_ARCH.deb. It needs dpkg-deb, which is
// on every Debian.
func (p *Package) Build(ctx context.Context, folder string) (path string, err error) {
	if p.arch() == "" {
		return "", fmt.Errorf("build a package: Debian has no name for the processor %q", p.Made.Arch)
	}
	files, err := p.files(ctx)
	if err != nil {
		return "", fmt.Errorf("build a package: %w", err)
	}
	stage, err := os.MkdirTemp("", "sealmilter-deb-")
	if err != nil {
		return "", fmt.Errorf("build a package: %w", err)
	}
	defer os.RemoveAll(stage)
	if err := files.write(stage, p.Made.Time); err != nil {
		return "", fmt.Errorf("build a package: %w", err)
	}
	path = filepath.Join(folder, fmt.Sprintf("sealmilter_%s_%s.deb", p.Version, p.arch()))
	compression := p.Compression
	if compression == "" {
		compression = "xz"
	}
	build := exec.CommandContext(ctx, "dpkg-deb", "--root-owner-group", "-Z"+compression, "--build", stage, path)
	// The number of threads would show in what xz writes.
	build.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", p.Made.Time.Unix()), "DPKG_DEB_THREADS_MAX=1", "LC_ALL=C")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build a package: dpkg-deb: %w: %s", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// files returns all that is in the package.
func (p *Package) files(ctx context.Context) (tree, error) {
	program, err := os.ReadFile(p.Program)
	if err != nil {
		return nil, err
	}
	const doc = "usr/share/doc/sealmilter/"
	t := tree{"usr/bin/sealmilter": {program, 0o755}}
	t.add(strings.TrimPrefix(deploy.ConfigFile, "/"), Conffile(deploy.Config))
	t.add("usr/lib/systemd/system/sealmilter.service", deploy.Unit(deploy.UnitOptions{
		Program: "/usr/bin/sealmilter", ConfigFile: deploy.ConfigFile, State: deploy.State, Credential: true,
	}))
	t.add("usr/lib/systemd/system/sealmilter.socket", deploy.Socket)
	t.add("usr/lib/sysusers.d/sealmilter.conf", deploy.User)
	own, err := os.ReadFile(filepath.Join(p.Sources, "LICENSE"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	t.add(doc+"copyright", copyright(string(own), p.Made))
	list, err := p.Made.CycloneDX()
	if err != nil {
		return nil, err
	}
	t.addCompressed(doc+"sbom.cdx.json.gz", list)
	t.addCompressed(doc+"changelog.gz", []byte(p.changelog()))
	t.add("usr/share/lintian/overrides/sealmilter", lintianOverrides)
	for _, add := range []func(context.Context, tree) error{p.addManual, p.addCompletions, p.addPages} {
		if err := add(ctx, t); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		text, err := script(name)
		if err != nil {
			return nil, err
		}
		t["DEBIAN/"+name] = file{[]byte(text), 0o755}
	}
	t.add("DEBIAN/triggers", triggers)
	t.add("DEBIAN/conffiles", deploy.ConfigFile+"\n")
	t.add("DEBIAN/md5sums", t.sums())
	t.add("DEBIAN/control", p.control(t.size()))
	return t, nil
}

// script returns a script of dpkg's, with what several of them share in the place of its name.
func script(name string) (string, error) {
	text, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		return "", err
	}
	wired, err := scripts.ReadFile("scripts/wired")
	return strings.Replace(string(text), "#INCLUDE wired\n", string(wired), 1), err
}

// triggers has dpkg tell the package when Postfix or another mail server comes, goes or is upgraded (deb-triggers(5)). The
// second is that of sendmail-bin, for which /usr/sbin/sendmail is an alternative and no file.
const triggers = "interest-noawait /usr/sbin/sendmail\ninterest-noawait /usr/libexec/sendmail/sendmail\n"

// lintianOverrides says why what lintian(1) would complain of is meant.
const lintianOverrides = `# One program for every release of Debian, and a container without a system in it.
sealmilter: statically-linked-binary [usr/bin/sealmilter]
# It stands in the collection of texts that a module has of what it is made of itself.
sealmilter: copyright-file-contains-full-apache-2-license
# Where systemd does not run, the daemon is started by whatever does; "sealmilter setup" says the command.
sealmilter: package-supports-alternative-init-but-no-init.d-script [usr/lib/systemd/system/sealmilter.service]
`

// addManual has the program write its manual pages.
func (p *Package) addManual(ctx context.Context, t tree) error {
	folder, err := os.MkdirTemp("", "sealmilter-man-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if _, err := p.run(ctx, "man", folder); err != nil {
		return err
	}
	pages := os.DirFS(folder)
	return fs.WalkDir(pages, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(pages, name)
		if err == nil {
			t.addCompressed("usr/share/man/"+name+".gz", text)
		}
		return err
	})
}

// addCompletions has the program write what shells complete its command line by.
func (p *Package) addCompletions(ctx context.Context, t tree) error {
	for shell, place := range map[string]string{
		"bash": "usr/share/bash-completion/completions/sealmilter",
		"zsh":  "usr/share/zsh/vendor-completions/_sealmilter",
		"fish": "usr/share/fish/vendor_completions.d/sealmilter.fish",
	} {
		text, err := p.run(ctx, "completion", shell)
		if err != nil {
			return err
		}
		t.add(place, string(text))
	}
	return nil
}

// run runs the program.
func (p *Package) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.Native, args...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", p.Native, strings.Join(args, " "), err, bytes.TrimSpace(failed.Bytes()))
	}
	return out, nil
}

// addPages adds the pages, and what they point at, so that their links lead somewhere on the host, too.
func (p *Package) addPages(_ context.Context, t tree) error {
	sources := os.DirFS(p.Sources)
	add := func(name string) error {
		text, err := fs.ReadFile(sources, name)
		if err == nil {
			t.add("usr/share/doc/sealmilter/"+name, string(text))
		}
		return err
	}
	if err := add("README.md"); err != nil {
		return err
	}
	for _, folder := range []string{"docs", "deploy"} {
		err := fs.WalkDir(sources, folder, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || name == "deploy/debian" || name == "deploy/release" || name == "deploy/bom"):
				return fs.SkipDir
			case !d.Type().IsRegular() || path.Ext(name) == ".go":
				return nil
			default:
				return add(name)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compressed returns what gzip -9n makes of a text.
func compressed(text []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	io.Copy(w, bytes.NewReader(text))                     // into memory
	w.Close()
	return b.Bytes()
}
