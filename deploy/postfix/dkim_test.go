package postfix_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// filters is a relay host with other filters beside sealmilter, wired by the commands of docs/filters.md.
type filters struct {
	*scenario.World
	postfix *lab.Postfix
	signer  *lab.OpenDKIM
	// before sees what sealmilter has yet to see, behind what it has done in place, copies what it has handed in.
	before, behind, copies *lab.Filter
}

// The addresses that docs/filters.md gives to the filters.
const (
	spamFilterAddr = "inet:127.0.0.1:11332"
	openDKIMAddr   = "inet:127.0.0.1:8891"
)

func buildProgram(t *testing.T) string {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", "-race")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// startFilters starts them. The filter in front adds the fields that it is given.
func startFilters(t *testing.T, program string, sevenBit bool, config lab.OpenDKIMConfig, fields ...string) *filters {
	t.Helper()
	f := &filters{}
	closing := func(close func() error) {
		t.Cleanup(func() {
			if err := close(); err != nil {
				t.Error(err)
			}
		})
	}
	var err error
	if f.World, err = scenario.NewWorld(t.Context(), program, sevenBit, os.Stderr); err != nil {
		t.Fatal(err)
	}
	closing(f.World.Close)
	config.Domain, config.Progress = "example.org", os.Stderr
	if f.signer, err = lab.StartOpenDKIM(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	closing(f.signer.Close)
	for _, at := range []**lab.Filter{&f.before, &f.behind, &f.copies} {
		var added []string
		if at == &f.before {
			added = fields
		}
		if *at, err = lab.StartFilter(added...); err != nil {
			t.Fatal(err)
		}
		closing((*at).Close)
	}
	f.postfix, err = lab.StartPostfix(t.Context(), lab.PostfixConfig{
		Relay:    f.Sink.Addr,
		Auth:     f.Auth.Addr,
		Main:     postfix.MainCF(f.Listen) + "message_size_limit = 51200000\n",
		Master:   postfix.MasterCF(f.Listen, f.Reinject),
		Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(f.postfix.Close)
	return f
}

// wire executes the commands of a page of docs, with the filters' own addresses for those of the page, and reloads.
func (f *filters) wire(t *testing.T, commands []string) {
	t.Helper()
	for _, command := range commands {
		behind := f.behind
		if strings.Contains(command, postfix.Reinject) {
			behind = f.copies
		}
		command = strings.NewReplacer(
			spamFilterAddr, "inet:"+f.before.Addr,
			openDKIMAddr, "inet:"+f.signer.Addr+",inet:"+behind.Addr,
			postfix.Listen, f.Listen,
			postfix.Reinject, f.Reinject,
		).Replace(command)
		var args []string
		for i, part := range strings.Split(command, "'") { // every second one was quoted
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		if out, err := f.postfix.Command(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	if err := f.postfix.WaitLog(t.Context(), "reload -- version"); err != nil {
		t.Fatal(err)
	}
}

// blockUnder returns the lines of the first block under a heading of docs/filters.md.
func blockUnder(t *testing.T, heading string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/filters.md has no heading %q", heading)
	}
	var block []string
	for line := range strings.Lines(section) {
		text, indented := strings.CutPrefix(line, "    ")
		if indented {
			block = append(block, strings.TrimSpace(text))
		} else if block != nil {
			break
		}
	}
	if block == nil {
		t.Fatalf("docs/filters.md has no block under %q", heading)
	}
	return block
}

// dkimCases are the cases in which messages are changed, converted or made in different ways.
var dkimCases = strings.Fields("02 03 06 11 12 14 16 17 18 19 20 22 25")

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	cases, err := scenario.Cases("postfix")
	if err != nil {
		t.Fatal(err)
	}
	commands, lines := blockUnder(t, "### Postfix"), strings.Join(blockUnder(t, "### OpenDKIM"), "\n")
	program := buildProgram(t)
	for name, hop := range map[string]struct {
		sevenBit         bool
		canonicalization string
	}{
		"8bit": {false, "relaxed/simple"},
		"7bit": {true, "simple/simple"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFilters(t, program, hop.sevenBit, lab.OpenDKIMConfig{Canonicalization: hop.canonicalization, Lines: lines})
			f.wire(t, commands)
			for _, c := range cases {
				if !slices.Contains(dkimCases, c.Name[:2]) {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					already := len(f.Sink.Deliveries())
					if err := f.Play(ctx, c, submission{f.postfix}); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
					for _, d := range f.Sink.Deliveries()[already:] {
						if err := scenario.CheckDKIM(ctx, f.signer, d.Data); err != nil {
							t.Errorf("to %s: %v\n%s", d.To, err, d.Data[:min(len(d.Data), 4000)])
						}
					}
				})
			}
		})
	}
}
