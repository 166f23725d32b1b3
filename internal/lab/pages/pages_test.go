package pages

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

// pages returns the paths of all pages, from the top of the tree, with their text.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*/*.md", "deploy/*/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(tree, file)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	return all
}

// build builds the program as administrators do.
func build(ctx context.Context, t *testing.T) string {
	t.Helper()
	program, err := lab.Build(ctx, t.TempDir(), "sealmilter/cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestMain has more pages followed side by side than there are processors: most of the time they wait for mail servers.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// patience is how long a page may take, also on a busy machine, and with a host's file system that has to be made first.
const patience = 10 * time.Minute

// TestEveryCommandRuns follows every page literally, each on a host of its own: every command ends with status 0, or the one
// that exceptions names, and prints what the page shows. A command that cannot run there has to stand in exceptions, with
// the reason; its words are checked all the same.
func TestEveryCommandRuns(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	program := build(ctx, t)
	used := make([]bool, len(exceptions))
	t.Run("pages", func(t *testing.T) {
		for page, text := range pages(t) {
			steps, err := Steps(text)
			if err != nil {
				t.Errorf("%s: %v", page, err)
			}
			f := &follower{page: page, program: program, names: Names{}, stage: stages[page]}
			var toRun []Step
			for _, step := range steps {
				command := step
				if _, behind, made := strings.Cut(step.Command, " && "); made && strings.HasPrefix(step.Command, "make ") {
					command.Command = behind
				}
				at := exceptionOf(page, command)
				if at >= 0 {
					used[at] = true
				}
				toRun = append(toRun, step)
			}
			if !slices.ContainsFunc(toRun, func(s Step) bool { return s.Command != "" }) {
				continue
			}
			t.Run(page, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				f.follow(ctx, t, toRun)
			})
		}
	})
	for i, e := range exceptions {
		if !used[i] {
			t.Errorf("exceptions has %q of %s, which is on no page any more", e.command, e.page)
		}
	}
	for page := range stages {
		if _, there := pages(t)[page]; !there {
			t.Errorf("stages has %s, which is no page any more", page)
		}
	}
}

// exceptionOf returns the number of the exception for a step, or -1.
func exceptionOf(page string, step Step) int {
	return slices.IndexFunc(exceptions, func(e exception) bool {
		return step.Command != "" && (e.page == page || e.page == "") && (step.Command == e.command || strings.HasSuffix(e.command, "*") && strings.HasPrefix(step.Command, strings.TrimSuffix(e.command, "*")))
	})
}

// follower follows one page.
type follower struct {
	page    string
	program string
	names   Names
	stage   stage
}

func (f *follower) follow(ctx context.Context, t *testing.T, steps []Step) {
	var shell *Shell
	for _, step := range steps {
		at := exceptionOf(f.page, step)
		if step.Command != "" && at >= 0 && exceptions[at].status == 0 {
			if !exceptions[at].data {
				f.parse(ctx, t, step)
			}
			continue
		}
		if rest, isMake := strings.CutPrefix(step.Command, "make "); isMake && !strings.HasPrefix(rest, "-C") {
			target, behind, _ := strings.Cut(rest, " && ")
			f.makes(ctx, t, step, target)
			if step.Command = behind; behind == "" {
				continue
			}
			if at = exceptionOf(f.page, step); at >= 0 {
				f.parse(ctx, t, step)
				continue
			}
		}
		if step.Command == "" && !f.stage.configured {
			continue
		}
		if shell == nil {
			shell = f.enter(ctx, t)
		}
		status := 0
		if at >= 0 {
			status = exceptions[at].status
		}
		if event := f.stage.between[step.Command]; event != "" {
			happens(t, shell, f.page, f.names.In(event))
		}
		if step.Configuration != "" {
			step.Command = "cat >/etc/sealmilter/sealmilter.toml <<'ENDOFEXAMPLE'\n" + f.whole(step.Configuration) + "ENDOFEXAMPLE"
		}
		printed, got, err := shell.Run(f.names.In(step.Command))
		if err != nil {
			t.Fatalf("%s:%d: %s: %v\n%s", f.page, step.Line, step.Command, err, printed)
		}
		if step.Transcript && got == answerNo && asks.MatchString(step.Command) {
			got = status // what it says is compared below
		}
		if got != status {
			t.Errorf("%s:%d: %s\nends with status %d and prints\n%s", f.page, step.Line, step.Command, got, printed)
			continue
		}
		if !step.Transcript {
			continue
		}
		if err := f.names.Match(step.Output, printed); err != nil {
			t.Errorf("%s:%d: %s\n%v", f.page, step.Line, step.Command, err)
		}
	}
}

// whole returns an example of a configuration as a whole one for a host that cannot reach the internet.
func (f *follower) whole(example string) string {
	if strings.Contains(example, "[keys]") {
		return example
	}
	return "keys.sources = [\"local\"]\n" + example
}

// enter makes the host as the page wants it.
func (f *follower) enter(ctx context.Context, t *testing.T) *Shell {
	w := startHost(ctx, t, f.stage, f.program)
	if !f.stage.bare {
		w.must(ctx, t, "install -m 0755 "+home+"/bin/sealmilter /usr/local/bin/ && install -d -m 0755 /etc/sealmilter && (umask 077; openssl rand -base64 24 >/etc/sealmilter/passphrase) &&"+
			" printf 'keys.sources = [\"local\"]\\n[senders]\\npassphrase_file = \"/etc/sealmilter/passphrase\"\\n' >/etc/sealmilter/sealmilter.toml")
	}
	if f.stage.directory {
		w.startDirectory(ctx, t)
	}
	shell, err := NewShell(ctx, w.Host, home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shell.Close() })
	if f.stage.before != "" {
		happens(t, shell, f.page, f.stage.before)
	}
	return shell
}

// happens runs what is not on the page, in a shell of its own, which ends at the first command that fails.
func happens(t *testing.T, shell *Shell, page, event string) {
	t.Helper()
	printed, status, err := shell.Run("( set -e\n" + event + "\n)")
	if err != nil || status != 0 {
		t.Fatalf("%s: what happens beside it ends with status %d, %v\n%s\n%s", page, status, err, event, printed)
	}
}

// makes has make(1) say what it would do. The targets are run by those who have the checkout: this test is one of them.
func (f *follower) makes(ctx context.Context, t *testing.T, step Step, target string) {
	cmd := exec.CommandContext(ctx, "bash", "-c", "make -n "+target)
	cmd.Dir = tree
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "Nothing to be done") {
		t.Errorf("%s:%d: %s: %v\n%s", f.page, step.Line, step.Command, err, out)
	}
}

// answerNo is the status with which a question is answered by no.
const answerNo = 3

// asks finds the commands that are questions.
var asks = regexp.MustCompile(`^sealmilter (explain|keys lookup) `)

// parse has a command that cannot run read by the shell, and its flags by sealmilter, if it is one of its commands.
func (f *follower) parse(ctx context.Context, t *testing.T, step Step) {
	if out, err := exec.CommandContext(ctx, "bash", "-n", "-c", step.Command).CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %s: %v\n%s", f.page, step.Line, step.Command, err, out)
	}
	if words := ownWords.FindString(step.Command); words != "" {
		if out, err := exec.CommandContext(ctx, "bash", "-c", f.program+strings.TrimPrefix(words, "sealmilter")+" --help").CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %s: %v\n%s", f.page, step.Line, step.Command, err, out)
		}
	}
}

// ownWords is a command of sealmilter's as far as the shell hands it on.
var ownWords = regexp.MustCompile(`^sealmilter [^|&;<>#]*`)
