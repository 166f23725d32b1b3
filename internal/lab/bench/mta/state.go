package mta

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mostRecipients is how many recipients have a certificate.
const mostRecipients = 1000

// makeState makes the state directory that every sealmilter begins with: the author's key, and one of a recipient.
func makeState(ctx context.Context, program, dir string) error {
	for _, step := range []struct{ folder, address string }{{"state", author}, {"reader", "reader@load.example"}} {
		if err := os.Mkdir(filepath.Join(dir, step.folder), 0o700); err != nil {
			return err
		}
		if err := writeConfig(dir, step.folder, "inet:127.0.0.1:1", "127.0.0.1:1"); err != nil {
			return err
		}
		if _, err := command(ctx, program, dir, step.folder, nil, "keys", "generate", step.address); err != nil {
			return err
		}
	}
	cert, err := command(ctx, program, dir, "reader", nil, "keys", "export", "reader@load.example")
	if err != nil {
		return err
	}
	_, err = command(ctx, program, dir, "state", cert, "keys", "import", "-")
	return err
}

// writeConfig writes the configuration of a sealmilter whose state is in the folder of that name.
func writeConfig(dir, name, listen, reinject string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "listen = %q\nreinject = %q\nstate = %q\nadmin = \"\"\nmta_users = [\"root\", \"postfix\", \"news\"]\n"+
		"[keys]\nsources = [\"local\"]\n[keys.map]\n", listen, reinject, filepath.Join(dir, name))
	for i := range mostRecipients {
		fmt.Fprintf(&b, "%q = \"reader@load.example\"\n", recipient(i))
	}
	return os.WriteFile(configFile(dir, name), []byte(b.String()), 0o600)
}

func configFile(dir, name string) string { return filepath.Join(dir, name+".toml") }

// command runs a command of the program and returns what it prints.
func command(ctx context.Context, program, dir, name string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, append(args, "-c", configFile(dir, name))...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sealmilter %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
