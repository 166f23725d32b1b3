package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// program reads mail as people have it: a column of the tables.
type program interface {
	// name is that of the column.
	name() string
	// version is what the program says of itself.
	version(ctx context.Context) (string, error)
	// receive puts messages in a mailbox, all that are ever read there.
	receive(ctx context.Context, box *mailbox, messages []*sample) error
	// read returns nil if the program shows the message as it should be, and else what is wrong as a [*fault] or several.
	read(ctx context.Context, box *mailbox, s *sample) error
}

// packages are what the programs come from, but for gpg, which is the machine's.
var packages = []string{"sq", "rnp", "neomutt", "mutt", "notmuch"}

// programs returns the columns.
func programs(tree lab.Tree) []program {
	return []program{
		&opener{called: "gpg", tree: tree, with: byGPG{}},
		&opener{called: "sq", tree: tree, with: bySq{tree}},
		&opener{called: "rnp", tree: tree, with: byRNP{tree}},
		&mutt{called: "neomutt", tree: tree},
		&mutt{called: "mutt", tree: tree},
		&notmuch{tree: tree},
	}
}

// command prepares a program of the tree, or the machine's, which speaks English and writes UTF-8.
func command(ctx context.Context, tree lab.Tree, env []string, path string, args ...string) *exec.Cmd {
	cmd := tree.Command(ctx, path, args...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// output runs a program and returns what it prints as a result, and what beside it. How it ended is the error.
func output(cmd *exec.Cmd) (result []byte, beside string, err error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	result, err = cmd.Output()
	return result, stderr.String(), err
}

// firstLine is the program's name and version, as most programs print them first.
func firstLine(ctx context.Context, tree lab.Tree, name string, flag string) (string, error) {
	out, beside, err := output(command(ctx, tree, nil, "/usr/bin/"+name, flag))
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w\n%s", name, err, beside)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

// folder makes a folder in a mailbox.
func (m *mailbox) folder(names ...string) (string, error) {
	dir := filepath.Join(append([]string{m.dir}, names...)...)
	return dir, os.MkdirAll(dir, 0o700)
}
