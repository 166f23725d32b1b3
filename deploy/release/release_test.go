package release_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sealmilter/deploy/release"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

const sources = "../.."

// slow is for tests that compile everything anew without a C compiler. "make deb-test" runs them.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
}

// TestReproducible builds a release twice, in copies of the sources in different folders, at different times and with other
// settings of the user; the second time nothing that was compiled before is used. Every octet is the same.
func TestReproducible(t *testing.T) {
	slow(t)
	archs := []string{"amd64", "arm64"}
	var results []map[string][]byte
	folders := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "another/and deeper")}
	// Both are copied before anything is built, which takes a while: sources may be changed meanwhile.
	copySources(t, sources, folders[0])
	copySources(t, folders[0], folders[1])
	for i, copied := range folders {
		out := filepath.Join(t.TempDir(), "out")
		o := release.Options{Sources: copied, Folder: out, Archs: archs}
		if i > 0 {
			t.Setenv("TZ", "Asia/Tokyo")
			t.Setenv("LC_ALL", "C.UTF-8")
			t.Setenv("GOFLAGS", "-buildvcs=false")
			o.Env = []string{"GOCACHE=" + t.TempDir()}
		}
		written, err := release.Build(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		result := make(map[string][]byte)
		for _, path := range written {
			if result[filepath.Base(path)], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		results = append(results, result)
		if i == 0 {
			looksLikeARelease(t, out, written, archs)
		}
	}
	for name, content := range results[0] {
		switch again, found := results[1][name]; {
		case !found:
			t.Errorf("there is no %s when it is built again elsewhere", name)
		case !bytes.Equal(content, again):
			t.Errorf("%s differs when it is built again elsewhere", name)
		}
	}
	if len(results[0]) != len(results[1]) {
		t.Errorf("%d files, and then %d", len(results[0]), len(results[1]))
	}
}

// looksLikeARelease holds a release to what its page says.
func looksLikeARelease(t *testing.T, folder string, written, archs []string) {
	t.Helper()
	if len(written) != 3*len(archs)+1 {
		t.Errorf("it wrote %q", written)
	}
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = folder
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, arch := range archs {
		programs, err := filepath.Glob(filepath.Join(folder, "sealmilter-*-linux-"+arch))
		if err != nil || len(programs) != 1 {
			t.Fatal(programs, err)
		}
		isStatic(t, programs[0], arch)
		if arch == runtime.GOARCH {
			out, err := exec.Command(programs[0], "version").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "sealmilter ") {
				t.Errorf("%v: %s", err, out)
			}
			passesLintian(t, folder, arch)
		}
	}
}

// passesLintian has Debian's own checker look at a package.
func passesLintian(t *testing.T, folder, arch string) {
	t.Helper()
	packages, err := filepath.Glob(filepath.Join(folder, "*_"+arch+".deb"))
	if err != nil || len(packages) != 1 {
		t.Fatal(packages, err)
	}
	h, err := lab.StartHost(t.Context(), lab.HostConfig{Name: "build.example.org", Packages: []string{"lintian"}, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, h.Close)
	content, err := os.ReadFile(packages[0])
	if err == nil {
		err = os.WriteFile(h.Path("/root/sealmilter.deb"), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := h.Run(t.Context(), "lintian", "--allow-root", "/root/sealmilter.deb"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("lintian says, %v:\n%s", err, out)
	}
}

// isStatic reads that a program needs no loader and no library.
func isStatic(t *testing.T, path, arch string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		t.Errorf("%s is for %v", path, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a part %v", path, p.Type)
		}
	}
	if symbols, err := f.Symbols(); err == nil || !errors.Is(err, elf.ErrNoSymbols) {
		t.Errorf("%s has %d symbols", path, len(symbols))
	}
}

// TestRunsAlone runs the static program as the container does: as a user without a name, in a file system that has nothing
// but the program and what container engines add, and of which only the state directory can be written to.
func TestRunsAlone(t *testing.T) {
	slow(t)
	if os.Geteuid() != 0 {
		t.Fatal("run as root: others cannot change their root directory")
	}
	program, root := filepath.Join(t.TempDir(), "sealmilter"), t.TempDir()
	if err := release.Program(t.Context(), release.Options{Sources: sources}, runtime.GOARCH, program); err != nil {
		t.Fatal(err)
	}
	const script = `set -e
mount -t tmpfs -o mode=0755 none "$1" && mkdir -p "$1/usr/bin" "$1/etc" "$1/var/lib/sealmilter" && cp "$2" "$1/usr/bin/sealmilter"
echo "nameserver 127.0.0.1" >"$1/etc/resolv.conf"
mount -t tmpfs -o uid=65532,gid=65532,mode=0700 none "$1/var/lib/sealmilter"
mount -o remount,ro "$1"
for words in "keys generate alice@example.org" "keys list --secret" "explain --from alice@example.org --to bob@example.invalid"; do
	chroot --userspec=65532:65532 "$1" /usr/bin/sealmilter $words || [ $? = 3 ]
done
chroot --userspec=65532:65532 "$1" /usr/bin/sealmilter serve & pid=$!
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8894) 2>/dev/null && break; sleep 0.1; done
kill -TERM $pid && wait $pid && echo drained`
	out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c",
		"ip link set lo up 2>/dev/null; mount -t proc proc /proc; "+script, "bash", root, program).CombinedOutput()
	for _, want := range []string{"alice@example.org", "serving", "drained"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("alone it does not say %q, %v:\n%s", want, err, out)
		}
	}
}

// copySources copies the sources with their history, but for what was built.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "bin" })
	for _, e := range entries {
		if out, err := exec.Command("cp", "-a", filepath.Join(from, e.Name()), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// TestContainerfile holds the container file to what it promises. A test of deploy/container builds it.
func TestContainerfile(t *testing.T) {
	text, err := os.ReadFile(sources + "/deploy/container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	var stages [][]string
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0, strings.HasPrefix(line, "#"):
		case fields[0] == "FROM":
			stages = append(stages, []string{strings.Join(fields, " ")})
		case len(stages) > 0:
			last := &stages[len(stages)-1]
			*last = append(*last, strings.Join(fields, " "))
		case fields[0] != "ARG":
			t.Errorf("%q stands before the first stage", line)
		}
	}
	want := []string{"FROM scratch",
		"COPY --from=build /out/root/ /",
		"COPY --from=build --chown=65532:65532 /out/state/ /var/lib/", "VOLUME /var/lib/sealmilter", "USER 65532:65532",
		`HEALTHCHECK --interval=30s --timeout=15s --start-period=2m CMD ["/usr/bin/sealmilter", "health"]`,
		`ENTRYPOINT ["/usr/bin/sealmilter"]`, `CMD ["serve"]`}
	if len(stages) != 2 || !slices.Equal(stages[1], want) {
		t.Errorf("the stages are %q; the last is to be %q", stages, want)
	}
	if !strings.Contains(strings.Join(stages[0], "\n"), "go run ./deploy/release/run -program /out/root/usr/bin/sealmilter") {
		t.Error("the program is built in another way than that of a release")
	}
}
