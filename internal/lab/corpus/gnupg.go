package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealmilter/crypto"
)

// gnupg is the machine's own gpg with a home of its own.
type gnupg struct{ home string }

// newGnuPG makes a home with keys. The caller closes it.
func newGnuPG(ctx context.Context, keys ...*crypto.SecretKey) (*gnupg, error) {
	home, err := os.MkdirTemp("/tmp", "sealmilter-gpg-") // short: the agent's socket lies in it
	if err != nil {
		return nil, err
	}
	g := &gnupg{home: home}
	for _, key := range keys {
		b, err := key.Bytes()
		if err == nil {
			_, err = g.run(ctx, b, "--import")
		}
		if err != nil {
			return nil, errors.Join(err, g.close())
		}
	}
	return g, nil
}

// close ends the agent and removes the home.
func (g *gnupg) close() error {
	out, err := exec.Command("gpgconf", "--homedir", g.home, "--kill", "all").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("gpgconf: %w: %s", err, out)
	}
	return errors.Join(err, os.RemoveAll(g.home))
}

// run returns the status lines without their prefix (GnuPG's doc/DETAILS explains them).
func (g *gnupg) run(ctx context.Context, input []byte, args ...string) ([]string, error) {
	out, err := g.output(ctx, input, args...)
	var status []string
	for line := range strings.Lines(string(out)) {
		if s, found := strings.CutPrefix(strings.TrimSpace(line), "[GNUPG:] "); found && s != "" {
			status = append(status, s)
		}
	}
	return status, err
}

// output returns all that gpg prints, its status lines among it.
func (g *gnupg) output(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "gpg", append([]string{"--homedir", g.home, "--batch", "--no-tty", "--yes", "--status-fd", "1",
		"--trust-model", "always", "--no-auto-check-trustdb", "--pinentry-mode", "loopback"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("gpg %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), err
}

// opened is what gpg says of one signature or encrypted message.
type opened struct {
	payload []byte
	decrypted, good,
	whole bool // there was protection against changes
	signer  string
	hash    string   // its number (RFC 9580, section 9.5)
	readers []string // key IDs
	err     error
}

// readStatus takes the words of gpg about one message.
func readStatus(lines []string) opened {
	var o opened
	for _, line := range lines {
		fields := strings.Fields(line)
		switch fields[0] {
		case "DECRYPTION_OKAY":
			o.decrypted = true
		case "GOODMDC":
			o.whole = true
		case "GOODSIG":
			o.good = true
		case "ENC_TO":
			o.readers = append(o.readers, fields[1])
		case "VALIDSIG":
			if len(fields) > 10 {
				o.signer, o.hash = fields[10], fields[8]
			}
		}
	}
	return o
}

// verify checks a detached signature over a payload.
func (g *gnupg) verify(ctx context.Context, payload, signature []byte) (opened, error) {
	file, err := os.CreateTemp(g.home, "signature-")
	if err != nil {
		return opened{}, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(signature)
	if err := errors.Join(err, file.Close()); err != nil {
		return opened{}, err
	}
	status, err := g.run(ctx, payload, "--verify", file.Name(), "-")
	o := readStatus(status)
	o.err = err
	return o, ctx.Err()
}

// open decrypts messages and verifies what is signed in them, in one process for all. Without an error, a message was
// encrypted or has a valid signature.
func (g *gnupg) open(ctx context.Context, messages [][]byte) ([]opened, error) {
	dir, err := os.MkdirTemp(g.home, "messages-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"--multifile", "--decrypt"}
	for i, message := range messages {
		path := filepath.Join(dir, fmt.Sprintf("%d.asc", i))
		if err := os.WriteFile(path, message, 0o600); err != nil {
			return nil, err
		}
		args = append(args, path)
	}
	status, failed := g.run(ctx, nil, args...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	about := make(map[string][]string)
	var now string
	for _, line := range status {
		fields := strings.Fields(line)
		switch {
		case fields[0] == "FILE_START" && len(fields) == 3:
			now = fields[2]
		default:
			about[now] = append(about[now], line)
		}
	}
	all := make([]opened, len(messages))
	for i := range messages {
		path := filepath.Join(dir, fmt.Sprintf("%d.asc", i))
		all[i] = readStatus(about[path])
		if all[i].payload, err = os.ReadFile(strings.TrimSuffix(path, ".asc")); err != nil || !all[i].decrypted && all[i].signer == "" {
			all[i].err = errors.Join(errors.New("gpg did not open it"), err, failed)
		}
	}
	return all, nil
}
